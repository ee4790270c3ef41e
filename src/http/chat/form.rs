//! Reading a form as it comes: bounded in size, in time, and in what is read ahead.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::Stream;
use hyper::body::Body as _;
use multer::{Field, Multipart};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Largest form in bytes, its boundaries and headers included.
pub const MAX_FORM: u64 = 50 << 20;
/// How long nothing may come.
pub const IDLE_LIMIT: Duration = Duration::from_secs(20);
/// How long the whole form may take.
const FORM_LIMIT: Duration = Duration::from_secs(600);
/// How much is read in search of the end of a part's headers.
const MAX_AHEAD: u64 = 64 * 1024;
/// How much of a form that is refused is read and thrown away, and for how long: a client that is
/// still sending when the connection closes sees that, and not the answer (RFC 9112 §9.6).
const LINGER_BYTES: u64 = 64 << 20;
const LINGER: Duration = Duration::from_secs(10);

/// Why a form was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("it is not a form")]
    Malformed,
    #[error("it is too large")]
    TooLarge,
    #[error("it could not be read")]
    Unreadable,
    #[error("it did not come in time")]
    TimedOut,
}

/// The body of a request, shared between whoever parses it and whoever throws the rest away.
#[derive(Clone, Debug)]
pub struct Incoming(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    body: Mutex<Body>,
    /// Bytes read so far.
    read: AtomicU64,
    /// Bytes read since the last progress.
    ahead: AtomicU64,
}

impl Incoming {
    pub fn new(body: Body) -> Self {
        let (read, ahead) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Shared { body: Mutex::new(body), read, ahead }))
    }

    /// Reads on for a moment, for a client that would not see the answer otherwise.
    pub async fn throw_away(&self) {
        let until = self.0.read.load(Ordering::Relaxed).saturating_add(LINGER_BYTES);
        let rest = async {
            while self.0.read.load(Ordering::Relaxed) < until
                && let Some(Ok(_)) = std::future::poll_fn(|cx| self.poll_data(cx)).await
            {
            }
        };
        let _ = tokio::time::timeout(LINGER, rest).await;
    }

    fn poll_data(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FormError>>> {
        loop {
            let frame = ready!(Pin::new(&mut *self.0.body.lock()).poll_frame(cx));
            let Some(frame) = frame else { return Poll::Ready(None) };
            let Ok(frame) = frame else { return Poll::Ready(Some(Err(FormError::Unreadable))) };
            if let Ok(data) = frame.into_data() {
                self.0.read.fetch_add(data.len() as u64, Ordering::Relaxed);
                self.0.ahead.fetch_add(data.len() as u64, Ordering::Relaxed);
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    fn progressed(&self) {
        self.0.ahead.store(0, Ordering::Relaxed);
    }
}

/// Hands on one piece at a time: the parser reads for as long as there is something to read, and
/// keeps it all.
#[derive(Debug)]
struct Paced {
    incoming: Incoming,
    gave: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, FormError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.incoming.0.ahead.load(Ordering::Relaxed) > MAX_AHEAD {
            return Poll::Ready(Some(Err(FormError::Malformed)));
        }
        let data = ready!(self.incoming.poll_data(cx));
        if self.incoming.0.read.load(Ordering::Relaxed) > MAX_FORM {
            return Poll::Ready(Some(Err(FormError::TooLarge)));
        }
        self.gave = true;
        Poll::Ready(data)
    }
}

/// A form, part by part.
#[derive(Debug)]
pub struct Form {
    incoming: Incoming,
    parts: Multipart<'static>,
    deadline: Instant,
}

/// A part of a form: whoever holds it reads it to its end before the next one.
#[derive(Debug)]
pub struct Part(Field<'static>);

impl Part {
    /// Returns the name of a file that was sent as `field`; `None` for other parts.
    pub fn file_of(&self, field: &str) -> Option<&str> {
        let is_field = self.0.name() == Some(field);
        self.0.file_name().filter(|name| is_field && !name.is_empty())
    }

    /// Returns the media type that was sent along.
    pub fn media_type(&self) -> Option<String> {
        self.0.content_type().map(ToString::to_string)
    }
}

impl Form {
    /// Begins to read; `boundary` is that of the content type.
    pub fn new(incoming: Incoming, boundary: String) -> Self {
        let paced = Paced { incoming: incoming.clone(), gave: false };
        let parts = Multipart::new(paced, boundary);
        Self { incoming, parts, deadline: Instant::now() + FORM_LIMIT }
    }

    /// Returns the next part, once the one before was read to its end.
    ///
    /// # Errors
    /// [`FormError`]; nothing more can be read then.
    pub async fn next(&mut self) -> Result<Option<Part>, FormError> {
        let part = in_time(self.deadline, self.parts.next_field()).await?;
        self.incoming.progressed();
        Ok(part.map_err(reason)?.map(Part))
    }

    /// Returns the next piece of a part, `None` at its end.
    ///
    /// # Errors
    /// [`FormError`]; nothing more can be read then.
    pub async fn piece(&self, part: &mut Part) -> Result<Option<Bytes>, FormError> {
        let piece = in_time(self.deadline, part.0.chunk()).await?;
        self.incoming.progressed();
        piece.map_err(reason)
    }
}

async fn in_time<T>(deadline: Instant, next: impl Future<Output = T>) -> Result<T, FormError> {
    let limit = deadline.min(Instant::now() + IDLE_LIMIT);
    tokio::time::timeout_at(limit, next).await.map_err(|_| FormError::TimedOut)
}

fn reason(error: multer::Error) -> FormError {
    match error {
        multer::Error::StreamReadFailed(source) => {
            source.downcast_ref().copied().unwrap_or(FormError::Unreadable)
        }
        _ => FormError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use proptest::prelude::*;

    use super::*;

    fn body(pieces: Vec<Vec<u8>>) -> Body {
        let pieces = pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    async fn read(body: Body) -> Result<Vec<(String, Vec<u8>)>, FormError> {
        let mut form = Form::new(Incoming::new(body), "B".to_owned());
        let mut files = Vec::new();
        while let Some(mut part) = form.next().await? {
            let name = part.file_of("files").map(str::to_owned);
            let mut content = Vec::new();
            while let Some(piece) = form.piece(&mut part).await? {
                content.extend_from_slice(&piece);
            }
            files.extend(name.map(|name| (name, content)));
        }
        Ok(files)
    }

    fn written(files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut form =
            b"--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n".to_vec();
        for (name, content) in files {
            let head = format!(
                "--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n"
            );
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(content);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(b"--B--\r\n");
        form
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn files_come_out_as_they_went_in_however_they_are_cut(
            files in proptest::collection::vec(("[a-z]{1,8}", proptest::collection::vec(any::<u8>(), 0..300)), 0..5),
            sizes in proptest::collection::vec(1..90usize, 1..40),
        ) {
            let form = written(&files);
            let (mut rest, mut pieces) = (form.as_slice(), Vec::new());
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, more) = rest.split_at(rest.len().min(*size));
                pieces.push(piece.to_vec());
                rest = more;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            prop_assert_eq!(runtime.block_on(read(body(pieces))), Ok(files));
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_told() {
        let whole = written(&[("a".to_owned(), vec![7; 50])]);
        for cut in [0, 5, 40, whole.len() - 9] {
            assert_eq!(read(body(vec![whole[..cut].to_vec()])).await, Err(FormError::Malformed));
        }
        assert_eq!(read(body(vec![b"{\"files\":[]}".to_vec()])).await, Err(FormError::Malformed));
    }

    #[tokio::test]
    async fn endless_headers_are_not_collected() {
        let mut pieces = vec![b"--B\r\nX: ".to_vec()];
        pieces.extend(vec![vec![b'x'; 8 * 1024]; 1_000]);
        let incoming = Incoming::new(body(pieces));
        let mut form = Form::new(incoming.clone(), "B".to_owned());
        assert_eq!(form.next().await.unwrap_err(), FormError::Malformed);
        assert!(incoming.0.read.load(Ordering::Relaxed) < 2 * MAX_AHEAD);
    }

    #[tokio::test]
    async fn a_form_has_an_end() {
        let mut pieces = vec![written(&[])[..5].to_vec()];
        pieces.push(
            b"Content-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n".to_vec(),
        );
        pieces.extend(vec![vec![0; 1 << 20]; 51]);
        assert_eq!(read(body(pieces)).await, Err(FormError::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let head = written(&[("a".to_owned(), vec![1; 10])])[..80].to_vec();
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(head))]);
        let stalled = Body::from_stream(pieces.chain(futures_util::stream::pending()));
        let began = Instant::now();
        assert_eq!(read(stalled).await, Err(FormError::TimedOut));
        assert!(began.elapsed() <= IDLE_LIMIT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_too() {
        let head = b"--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n"
            .to_vec();
        let trickle = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(IDLE_LIMIT / 2).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let head = futures_util::stream::iter([Ok(Bytes::from(head))]);
        let began = Instant::now();
        let slow = Body::from_stream(head.chain(Box::pin(trickle)));
        assert_eq!(read(slow).await, Err(FormError::TimedOut));
        assert!(began.elapsed() <= FORM_LIMIT + IDLE_LIMIT);
    }
}
