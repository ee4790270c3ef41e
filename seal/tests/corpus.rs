//! The committed corpus of the fuzz targets, through the same oracles, without libFuzzer.

use std::collections::BTreeSet;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use oracles::master_key::Read;
use oracles::roundtrip::{Case, Kind};
use oracles::{blob, master_key, roundtrip};

#[path = "../../fuzz/src/lib.rs"]
mod oracles;

/// Returns every input of a target. What made an oracle fail is the last name printed.
fn corpus(target: &str) -> impl Iterator<Item = Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    std::fs::read_dir(folder).expect("the corpus is committed").map(|file| {
        let path = file.expect("the folder can be listed").path();
        println!("{}", path.display());
        std::fs::read(path).expect("the corpus is of files")
    })
}

#[test]
fn blob_corpus() {
    let inputs: BTreeSet<_> = corpus("blob").collect();
    for sealed in blob::sealed() {
        assert!(inputs.contains(&sealed.input()), "{sealed:?} is not in the corpus");
    }
    let seen: BTreeSet<_> = inputs.iter().filter_map(|input| blob::check(input)).collect();
    // Six columns have something that opens; those of later versions have nothing.
    let expected = (-1..=4).flat_map(|number| [(number, false), (number, true)]);
    assert_eq!(seen, expected.chain([(5, false), (6, false)]).collect());
}

#[test]
fn master_key_corpus() {
    let seen: BTreeSet<_> = corpus("master_key").map(|text| master_key::check(&text)).collect();
    assert_eq!(seen, [Read::Base64, Read::Raw, Read::Zero, Read::Refused].into());
}

#[test]
fn roundtrip_corpus() {
    let case = |input: &[u8]| Case::arbitrary_take_rest(Unstructured::new(input)).ok();
    let seen: BTreeSet<_> = corpus("roundtrip")
        .filter_map(|input| case(&input))
        .map(|case| roundtrip::check(&case))
        .collect();
    let changes = ["bit", "truncate", "behead", "insert", "key", "place", "column"];
    let kinds = [Kind::Static, Kind::Envelope, Kind::Bound, Kind::Seed];
    let all = kinds.into_iter().flat_map(|kind| changes.map(|change| (kind, change)));
    assert_eq!(seen, all.collect());
}
