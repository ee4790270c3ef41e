use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::*;

/// A socket whose client reads only while it is willing, a frame at a time.
struct Socket {
    from_client: mpsc::Receiver<Message>,
    to_client: Arc<Client>,
}

#[derive(Default)]
struct Client {
    frames: Mutex<VecDeque<Message>>,
    stuck: AtomicBool,
}

impl Stream for Socket {
    type Item = Result<Message, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.from_client.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for Socket {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.to_client.stuck.load(Ordering::SeqCst) {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }
    fn start_send(self: Pin<&mut Self>, item: Message) -> Result<(), Infallible> {
        self.to_client.frames.lock().push_back(item);
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

/// A terminal under test, and both its ends.
struct Under {
    client: mpsc::Sender<Message>,
    screen: Arc<Client>,
    shell: Option<mpsc::Sender<Bytes>>,
    typed: mpsc::Receiver<TerminalInput>,
    stopping: CancellationToken,
    revoked: Arc<AtomicBool>,
    done: JoinHandle<Ended>,
}

fn open() -> Under {
    let (client, from_client) = mpsc::channel(64);
    let (shell, output) = mpsc::channel(4);
    let (input, typed) = mpsc::channel(4);
    let screen = Arc::new(Client::default());
    let socket = Socket { from_client, to_client: Arc::clone(&screen) };
    let (stopping, revoked) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
    let look = Arc::clone(&revoked);
    let run = run(socket, Terminal { output, input }, stopping.clone(), move || {
        look.load(Ordering::SeqCst)
    });
    let done = tokio::spawn(run);
    Under { client, screen, shell: Some(shell), typed, stopping, revoked, done }
}

impl Under {
    async fn types(&self, message: Message) {
        self.client.send(message).await.unwrap();
    }

    async fn says(&self, bytes: Vec<u8>) {
        self.shell.as_ref().unwrap().send(Bytes::from(bytes)).await.unwrap();
    }

    /// Returns how it ended, everything shown, and the close code.
    async fn ends(self) -> (Ended, Vec<Vec<u8>>, Option<u16>) {
        let ended = self.done.await.unwrap();
        let (mut shown, mut code) = (Vec::new(), None);
        for frame in self.screen.frames.lock().drain(..) {
            match frame {
                Message::Binary(bytes) => shown.push(bytes.to_vec()),
                Message::Close(frame) => code = frame.map(|frame| frame.code),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
        (ended, shown, code)
    }
}

#[test]
fn only_the_very_frame_resizes() {
    let size = |columns, rows| Some(TerminalSize { columns, rows });
    assert_eq!(resize(r#"{"resize":{"cols":120,"rows":40}}"#), size(120, 40));
    assert_eq!(resize(r#"{"resize":{"cols":0,"rows":99999999}}"#), size(1, MAX_SIDE));
    for other in [
        "ls\r",
        "",
        "{",
        r#"{"resize":{"cols":1}}"#,
        r#"{"resize":{"cols":-1,"rows":1}}"#,
        r#"{"resize":{"cols":1,"rows":1},"x":1}"#,
        r#"{"resize":{"cols":1,"rows":1,"x":1}}"#,
        r#"{"resize":{"cols":1,"rows":1}}x"#,
        r#" {"resize":{"cols":1,"rows":1}}"#,
    ] {
        assert_eq!(resize(other), None, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_typed_arrives_as_it_is() {
    let mut under = open();
    under.types(Message::Text("ls\r".into())).await;
    under.types(Message::Binary(Bytes::from_static(b"\x03\xff"))).await;
    under.types(Message::Ping(Bytes::new())).await;
    under.types(Message::Text(r#"{"resize":{"cols":9,"rows":8}}"#.into())).await;
    under.types(Message::Binary(Bytes::from_static(br#"{"resize":{"cols":9,"rows":8}}"#))).await;
    let data = |bytes: &'static [u8]| TerminalInput::Data(Bytes::from_static(bytes));
    assert_eq!(under.typed.recv().await.unwrap(), data(b"ls\r"));
    assert_eq!(under.typed.recv().await.unwrap(), data(b"\x03\xff"));
    let size = TerminalSize { columns: 9, rows: 8 };
    assert_eq!(under.typed.recv().await.unwrap(), TerminalInput::Resize(size));
    assert_eq!(under.typed.recv().await.unwrap(), data(br#"{"resize":{"cols":9,"rows":8}}"#));
}

#[tokio::test(start_paused = true)]
async fn output_comes_in_small_frames_and_to_its_end() {
    let mut under = open();
    let text: Vec<u8> = (0..10_000).map(|n| (n % 251) as u8).collect();
    under.says(text.clone()).await;
    under.says(b"last words".to_vec()).await;
    under.shell = None;
    let (ended, shown, code) = under.ends().await;
    assert_eq!((ended, code), (Ended::Shell, Some(1000)));
    assert!(shown.iter().all(|frame| (1..=MAX_FRAME).contains(&frame.len())));
    assert_eq!(shown.concat(), [&text[..], b"last words"].concat());
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_ends_while_somebody_types_still_has_its_last_words() {
    let mut under = open();
    let (_, gone) = mpsc::channel(1);
    drop(std::mem::replace(&mut under.typed, gone));
    under.types(Message::Text("x".into())).await;
    under.says(b"exit".to_vec()).await;
    under.shell = None;
    let (ended, shown, code) = under.ends().await;
    assert_eq!((ended, shown.concat(), code), (Ended::Shell, b"exit".to_vec(), Some(1000)));
}

#[tokio::test(start_paused = true)]
async fn the_shell_loses_both_ends_when_the_client_leaves() {
    for farewell in [Some(Message::Close(None)), None] {
        let mut under = open();
        let shell = under.shell.take().unwrap();
        match farewell {
            Some(message) => under.types(message).await,
            None => under.client = mpsc::channel(1).0,
        }
        assert!(under.typed.recv().await.is_none());
        assert!(shell.is_closed());
        assert_eq!(under.ends().await.0, Ended::Left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_the_shell_up_and_is_left() {
    let under = open();
    tokio::time::sleep(Duration::from_secs(1)).await;
    under.screen.stuck.store(true, Ordering::SeqCst);
    let (said, shell) = (Arc::new(AtomicUsize::new(0)), under.shell.clone().unwrap());
    let count = Arc::clone(&said);
    let shell = tokio::spawn(async move {
        while shell.send(Bytes::from_static(b"yes\n")).await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    tokio::time::sleep(Duration::from_secs(20)).await;
    // Four wait in the channel, one is in the hand.
    assert!(said.load(Ordering::SeqCst) <= 5);
    let (ended, shown, _) = under.ends().await;
    assert_eq!((ended, shown.len()), (Ended::Slow, 0));
    shell.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_does_not_read_does_not_hold_its_output_up() {
    let under = open();
    for _ in 0..20 {
        under.types(Message::Text("x".into())).await;
    }
    for _ in 0..20 {
        under.says(b"y".to_vec()).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let shown =
        under.screen.frames.lock().iter().filter(|f| matches!(f, Message::Binary(_))).count();
    assert_eq!(shown, 20);
}

#[tokio::test(start_paused = true)]
async fn who_shows_no_sign_of_life_is_left_and_who_types_nothing_too() {
    let under = open();
    let before = Instant::now();
    let (ended, _, code) = under.ends().await;
    assert_eq!((ended, code), (Ended::Silent, None));
    assert!(before.elapsed() <= SILENT_FOR + 2 * CHECK_EVERY);

    let under = open();
    let (client, before) = (under.client.clone(), Instant::now());
    let pongs = tokio::spawn(async move {
        while client.send(Message::Pong(Bytes::new())).await.is_ok() {
            tokio::time::sleep(PING_EVERY).await;
        }
    });
    let (ended, _, code) = under.ends().await;
    assert_eq!((ended, code), (Ended::Idle, Some(1000)));
    assert!(before.elapsed() >= IDLE_LIMIT);
    pongs.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_server_and_with_the_token() {
    let under = open();
    under.stopping.cancel();
    let (ended, _, code) = under.ends().await;
    assert_eq!((ended, code), (Ended::Stopping, Some(1001)));
    let under = open();
    under.revoked.store(true, Ordering::SeqCst);
    let (ended, _, code) = under.ends().await;
    assert_eq!((ended, code), (Ended::Revoked, Some(1008)));
}
