//! Calls: from a parsed request to its answer or its stream of events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answers::Answers;
use super::model::{Model, ModelError};
use super::protocol::{
    Call, Code, Generation, Message, Prompt, Reply, Request, RpcError, Task, TaskState, fresh_id,
    response,
};
use super::tasks::{NotCanceled, Tasks};
use super::vitals::{CallGuard, Vitals};
use super::{AgentConfig, AgentError, BoxError};

/// Most calls answered at once; more are told to come back.
pub(super) const MAX_CALLS: usize = 64;
/// Events of one stream waiting for a slow reader, who then slows the model.
const STREAM_QUEUE: usize = 32;
/// How often a silent stream shows that it lives.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
const STOPPING: &str = "the agent is stopping";

/// What the connections of one agent share.
#[derive(Debug)]
pub(super) struct Agent {
    card: Bytes,
    mind: Mind,
    vitals: Arc<Vitals>,
    tasks: Tasks,
    answers: Answers,
    calls: Arc<Semaphore>,
    streams: TaskTracker,
}

#[derive(Debug)]
enum Mind {
    Echo,
    Model(Box<Model>),
}

impl Agent {
    pub(super) fn new(config: &AgentConfig, card: &Value) -> Result<Self, AgentError> {
        let mind = match &config.openai {
            None => Mind::Echo,
            Some(openai) => Mind::Model(Box::new(Model::new(config, openai)?)),
        };
        Ok(Self {
            card: card.to_string().into(),
            mind,
            vitals: Arc::new(Vitals::new()),
            tasks: Tasks::default(),
            answers: Answers::default(),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
            streams: TaskTracker::new(),
        })
    }

    /// The agent card as JSON.
    pub(super) fn card(&self) -> Bytes {
        self.card.clone()
    }

    pub(super) fn vitals(&self) -> Arc<Vitals> {
        Arc::clone(&self.vitals)
    }

    /// A place among the calls under way, or `None` when all are taken.
    pub(super) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }

    /// Waits for the streams under way. They end with their own stop token.
    pub(super) async fn drained(&self) {
        self.streams.close();
        self.streams.wait().await;
    }

    /// Answers one call. `place` is held until the answer, or the stream, ends.
    ///
    /// # Cancel safety
    /// Dropping it (the caller left) abandons the call, which then counts
    /// neither as answered nor as failed.
    pub(super) async fn call(
        self: Arc<Self>,
        call: Call,
        place: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> Response {
        let Call { id, generation, request } = call;
        let result = match request {
            Request::Send(prompt) => self.send(prompt, generation).await,
            Request::Stream(prompt) => match self.stream(prompt, &id, generation, place, stop) {
                Ok(events) => return events,
                Err(error) => Err(error),
            },
            Request::GetTask(task) => self.task(&task).map(|task| task.render(generation)),
            Request::CancelTask(task) => self.cancel(&task).map(|task| task.render(generation)),
        };
        axum::Json(match result {
            Ok(result) => response(&id, result),
            Err(error) => error.response(&id),
        })
        .into_response()
    }

    async fn send(&self, prompt: Prompt, generation: Generation) -> Result<Value, RpcError> {
        self.refuse_continuation(&prompt)?;
        let mut guard = self.vitals.begin(&prompt.text);
        let text = match &self.mind {
            Mind::Echo => prompt.text,
            Mind::Model(model) => {
                guard.announce();
                match self.think(model, &prompt).await {
                    Ok(text) => text,
                    Err(error) => {
                        let error = error.to_string();
                        guard.failed(&error);
                        return Err(RpcError::new(Code::Internal, error));
                    }
                }
            }
        };
        guard.succeeded();
        let context_id = prompt.context_id.unwrap_or_else(fresh_id);
        Ok(Reply::Message(Message::new(context_id, text)).render(generation))
    }

    /// Asks the model once a message, however often that is delivered. A caller who leaves hands
    /// the work over to the next one with the same message.
    async fn think(&self, model: &Model, prompt: &Prompt) -> Result<String, ModelError> {
        let Some(id) = &prompt.message_id else { return model.answer(&prompt.text).await };
        let answer = self.answers.to(id, &prompt.text);
        answer.get_or_try_init(|| model.answer(&prompt.text)).await.cloned()
    }

    /// An echo is one message. A model's answer is a task: its artifact grows
    /// piece by piece until the last event carries a final state.
    fn stream(
        self: Arc<Self>,
        prompt: Prompt,
        id: &Value,
        generation: Generation,
        place: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> Result<Response, RpcError> {
        self.refuse_continuation(&prompt)?;
        let (events, queue) = mpsc::channel(STREAM_QUEUE);
        let out = Events { events, id: id.clone(), generation };
        let agent = Arc::clone(&self);
        self.streams.spawn(async move {
            let _place = place;
            let guard = agent.vitals.begin(&prompt.text);
            // A failure to send means that the reader has left.
            _ = match &agent.mind {
                Mind::Echo => echo(prompt, guard, &out).await,
                Mind::Model(model) => {
                    let writer = Writer { agent: &agent, model, out: &out, stop };
                    writer.run(prompt, guard).await
                }
            };
        });
        let events = stream::unfold(queue, |mut queue: mpsc::Receiver<Value>| async {
            let data = queue.recv().await?.to_string();
            Some((Ok::<_, Infallible>(Event::default().data(data)), queue))
        });
        let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_EVERY);
        Ok(Sse::new(events).keep_alive(keep_alive).into_response())
    }

    /// This agent's tasks take no further messages (A2A 1.0 §3.4).
    fn refuse_continuation(&self, prompt: &Prompt) -> Result<(), RpcError> {
        let Some(id) = &prompt.task_id else {
            return Ok(());
        };
        self.task(id)?;
        let text = "params.message.taskId: this task takes no more messages; leave taskId out";
        Err(RpcError::new(Code::Unsupported, text))
    }

    fn task(&self, id: &str) -> Result<Task, RpcError> {
        self.tasks.get(id).ok_or_else(unknown_task)
    }

    fn cancel(&self, id: &str) -> Result<Task, RpcError> {
        self.tasks.cancel(id).map_err(|why| match why {
            NotCanceled::Unknown => unknown_task(),
            NotCanceled::Finished => {
                RpcError::new(Code::TaskNotCancelable, "the task has already ended")
            }
        })
    }
}

fn unknown_task() -> RpcError {
    RpcError::new(Code::TaskNotFound, "no such task; the agent keeps the most recent ones only")
}

/// The reader of a stream has left.
struct Left;

/// One stream's way out.
struct Events {
    events: mpsc::Sender<Value>,
    id: Value,
    generation: Generation,
}

impl Events {
    async fn send(&self, reply: Reply) -> Result<(), Left> {
        let event = response(&self.id, reply.render(self.generation));
        self.events.send(event).await.map_err(|_| Left)
    }
}

async fn echo(prompt: Prompt, guard: CallGuard, out: &Events) -> Result<(), Left> {
    let context_id = prompt.context_id.unwrap_or_else(fresh_id);
    let sent = out.send(Reply::Message(Message::new(context_id, prompt.text))).await;
    if sent.is_ok() {
        guard.succeeded();
    }
    sent
}

/// Writes one model's answer as a task.
struct Writer<'a> {
    agent: &'a Agent,
    model: &'a Model,
    out: &'a Events,
    stop: CancellationToken,
}

/// How the writing ended.
enum Ended {
    Completed,
    Canceled,
    Failed(BoxError),
}

impl Writer<'_> {
    async fn run(&self, prompt: Prompt, mut guard: CallGuard) -> Result<(), Left> {
        guard.announce();
        let mut task = Task::new(prompt.context_id.unwrap_or_else(fresh_id));
        let canceled = self.agent.tasks.insert(task.clone());
        let ended = tokio::select! {
            () = canceled.cancelled() => Ok(Ended::Canceled),
            () = self.stop.cancelled() => Ok(Ended::Failed(STOPPING.into())),
            // A reader who has left is noticed here even while the model is silent.
            () = self.out.events.closed() => Err(Left),
            ended = self.write(&prompt.text, &mut task) => ended,
        };
        task.state = match &ended {
            Ok(Ended::Completed) => TaskState::Completed,
            Ok(Ended::Failed(_)) => TaskState::Failed,
            Ok(Ended::Canceled) | Err(Left) => TaskState::Canceled,
        };
        if let Ok(Ended::Failed(error)) = &ended {
            task.note = error.to_string();
        }
        self.agent.tasks.update(&task);
        match ended? {
            Ended::Completed => guard.succeeded(),
            Ended::Failed(_) => guard.failed(&task.note),
            Ended::Canceled => {}
        }
        self.out.send(Reply::Status(task)).await
    }

    async fn write(&self, text: &str, task: &mut Task) -> Result<Ended, Left> {
        self.out.send(Reply::Task(task.clone())).await?;
        let failed = |error: ModelError| Ok(Ended::Failed(error.into()));
        let mut deltas = match self.model.stream(text).await {
            Ok(deltas) => deltas,
            Err(error) => return failed(error),
        };
        loop {
            let piece = match deltas.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => return Ok(Ended::Completed),
                Err(error) => return failed(error),
            };
            self.out.send(Reply::Delta { task: task.clone(), text: piece.clone() }).await?;
            task.text.push_str(&piece);
            self.agent.tasks.update(task);
        }
    }
}
