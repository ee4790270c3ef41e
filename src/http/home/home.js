"use strict";
// The organisation at a glance: read once, then followed over the WebSocket by sequence.

const rows = new Map();
const lastBeat = new Map();
let seq = null;
let disconnectedAt = null;
let wait = 1000;
const MAX_WAIT = 30000;
const MAX_EVENTS = 50;

const $ = (id) => document.getElementById(id);

function cell(tr, text, className) {
  const td = document.createElement("td");
  td.textContent = text;
  if (className) td.className = className;
  tr.append(td);
}

function ago(ms) {
  if (ms === undefined) return "–";
  const s = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (s < 90) return `${s} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  return `${Math.round(s / 3600)} h ago`;
}

function span(seconds) {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function draw() {
  const body = $("workspaces");
  body.replaceChildren();
  for (const w of rows.values()) {
    const tr = document.createElement("tr");
    if (disconnectedAt) tr.className = "stale";
    cell(tr, w.name);
    cell(tr, w.status.replace("_", " "), `status ${w.status}`);
    cell(tr, w.role || "");
    cell(tr, w.current_task || "");
    cell(tr, `${w.active_tasks}/${w.max_concurrent_tasks}`, "n");
    cell(tr, `${Math.round(w.last_error_rate * 100)} %`, "n");
    tr.lastChild.title = w.last_sample_error || "";
    cell(tr, ago(lastBeat.get(w.id)), "n");
    cell(tr, span(w.uptime_seconds), "n");
    const parent = rows.get(w.parent_id);
    cell(tr, parent ? parent.name : "");
    body.append(tr);
  }
  const all = [...rows.values()];
  const online = all.filter((w) => w.status === "online").length;
  $("summary").textContent = `${all.length} workspaces, ${online} online`;
  $("none").hidden = all.length > 0;
  const link = $("link");
  link.className = disconnectedAt ? "down" : "";
  link.textContent = disconnectedAt
    ? `Disconnected: what you see is ${ago(disconnectedAt).replace(" ago", "")} old`
    : "Live";
}

function showEvent(kind, name, at, number) {
  const li = document.createElement("li");
  for (const [className, text] of [["seq", `#${number}`], ["when", new Date(at).toLocaleTimeString()],
    ["kind", kind], ["name", name]]) {
    const part = document.createElement("span");
    part.className = className;
    part.textContent = text;
    li.append(part);
  }
  const list = $("events");
  list.prepend(li);
  while (list.children.length > MAX_EVENTS) list.lastChild.remove();
}

async function get(path) {
  const reply = await fetch(path);
  if (reply.status === 401) location.reload();
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply;
}

async function hydrate() {
  const reply = await get("/workspaces");
  const list = await reply.json();
  rows.clear();
  for (const w of list) {
    rows.set(w.id, w);
    if (w.last_heartbeat_at) lastBeat.set(w.id, Date.parse(w.last_heartbeat_at));
  }
  if (seq === null) {
    seq = Number(reply.headers.get("x-isomer-seq")) || 0;
    const events = await (await get(`/events?limit=${MAX_EVENTS}`)).json();
    for (const e of events.reverse()) {
      const w = rows.get(e.workspace_id);
      showEvent(e.event_type, w ? w.name : e.workspace_id, e.created_at, e.seq);
    }
  }
}

let refreshing = null;
function refresh() {
  refreshing ??= setTimeout(() => {
    refreshing = null;
    hydrate().then(draw, () => {});
  }, 150);
}

function apply(message) {
  const w = rows.get(message.workspace_id);
  if (message.seq !== undefined) {
    seq = message.seq;
    showEvent(message.event, w ? w.name : message.workspace_id, message.timestamp, message.seq);
    refresh();
    return;
  }
  if (!w) return;
  if (message.event === "WORKSPACE_HEARTBEAT") {
    lastBeat.set(w.id, Date.parse(message.timestamp));
    Object.assign(w, message.payload);
  } else if (message.event === "TASK_UPDATED") {
    Object.assign(w, message.payload);
  }
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws?since=${seq}`);
  socket.onopen = () => {
    disconnectedAt = null;
    wait = 1000;
    refresh();
  };
  socket.onmessage = (event) => {
    apply(JSON.parse(event.data));
    draw();
  };
  socket.onclose = () => {
    disconnectedAt ??= Date.now();
    draw();
    setTimeout(connect, wait);
    wait = Math.min(wait * 2, MAX_WAIT);
  };
}

async function begin() {
  try {
    await hydrate();
    draw();
    connect();
  } catch {
    disconnectedAt ??= Date.now();
    draw();
    setTimeout(begin, 2000);
  }
}

begin();
setInterval(draw, 1000);
