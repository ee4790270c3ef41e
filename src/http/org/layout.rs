//! Where the workspaces of an organisation stand (contract 06 §4.7). Canvas units.

use super::template::Node;

const NODE: (f64, f64) = (240.0, 130.0);
const GUTTER: f64 = 14.0;
const HEADER: f64 = 130.0;
const SIDE: f64 = 16.0;
const COLUMNS: usize = 2;

/// Returns what a workspace takes with everything below it: width and height.
pub fn size(node: &Node) -> (f64, f64) {
    if node.children.is_empty() {
        return NODE;
    }
    let grid = Grid::of(&node.children);
    let rows: f64 = grid.rows.iter().sum();
    let (columns, count) = (grid.columns as f64, grid.rows.len() as f64);
    let width = 2.0 * SIDE + columns * grid.width + GUTTER * (columns - 1.0);
    (width, HEADER + rows + GUTTER * (count - 1.0) + SIDE)
}

/// Returns where the children of a workspace stand in it.
pub fn places(children: &[Node]) -> Vec<(f64, f64)> {
    let grid = Grid::of(children);
    let place = |at: usize| {
        let (column, row) = (at % grid.columns, at / grid.columns);
        let above: f64 = grid.rows[..row].iter().map(|height| height + GUTTER).sum();
        (SIDE + column as f64 * (grid.width + GUTTER), HEADER + above)
    };
    (0..children.len()).map(place).collect()
}

struct Grid {
    columns: usize,
    /// Of every column: the widest child's.
    width: f64,
    /// The height of each row: its tallest child's.
    rows: Vec<f64>,
}

impl Grid {
    fn of(children: &[Node]) -> Self {
        let columns = children.len().clamp(1, COLUMNS);
        let sizes: Vec<_> = children.iter().map(size).collect();
        let width = sizes.iter().map(|size| size.0).fold(0.0, f64::max);
        let tallest = |row: &[(f64, f64)]| row.iter().map(|size| size.1).fold(0.0, f64::max);
        Self { columns, width, rows: sizes.chunks(columns).map(tallest).collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(children: Vec<Node>) -> Node {
        Node { children, ..Node::default() }
    }

    #[test]
    fn as_the_contract_draws_it() {
        let three = with(vec![Node::default(), Node::default(), Node::default()]);
        assert_eq!(places(&three.children), [(16.0, 130.0), (270.0, 130.0), (16.0, 274.0)]);
        assert_eq!(size(&three), (32.0 + 480.0 + 14.0, 130.0 + 260.0 + 14.0 + 16.0));
        let one = with(vec![Node::default()]);
        assert_eq!(size(&one), (272.0, 276.0));
        let mixed = with(vec![three, Node::default()]);
        assert_eq!(places(&mixed.children), [(16.0, 130.0), (16.0 + 526.0 + 14.0, 130.0)]);
    }

    fn nodes() -> impl Strategy<Value = Node> {
        Just(Node::default())
            .prop_recursive(3, 30, 5, |below| proptest::collection::vec(below, 0..6).prop_map(with))
    }

    proptest! {
        #[test]
        fn nothing_overlaps_and_nothing_sticks_out(node in nodes()) {
            let (width, height) = size(&node);
            let boxes: Vec<_> = places(&node.children).into_iter()
                .zip(node.children.iter().map(size)).collect();
            for (at, ((x, y), (w, h))) in boxes.iter().enumerate() {
                prop_assert!(*x >= SIDE && *y >= HEADER && x + w <= width && y + h <= height);
                for ((ox, oy), (ow, oh)) in &boxes[..at] {
                    let apart = x + w <= *ox || ox + ow <= *x || y + h <= *oy || oy + oh <= *y;
                    prop_assert!(apart);
                }
            }
        }
    }
}
