/** The real binary as a child process, in both modes: killed, stopped and started again. */

import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { createInterface } from "node:readline";

const BINARY = path.resolve(import.meta.dirname, "../../../target/debug/isomer");
const START_MS = 30_000;
export const ADMIN = "browser-tests-administrator-token";

/** Redis databases of these tests: the product's own tests count up from 1. */
let nextRedis = 511;

const required = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run make test`);
  return value;
};

async function freshDatabase() {
  const url = new URL(required("ISOMER_TEST_DATABASE_URL"));
  const name = `browser_${randomBytes(6).toString("hex")}`;
  await promisify(execFile)(process.env.ISOMER_TEST_PSQL ?? "psql", [url.href, "-qc", `CREATE DATABASE ${name}`]);
  url.pathname = `/${name}`;
  return url.href;
}

/** Resolves with the first line that a child prints. */
function firstLine(child, what) {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`${what} said nothing`)), START_MS);
    const settle = (act) => (value) => {
      clearTimeout(timer);
      act(value);
    };
    createInterface({ input: child.stdout }).once("line", settle(done));
    child.once("error", settle(failed));
    child.once("exit", settle((code) => failed(new Error(`${what} ended with ${code}`))));
  });
}

export class Server {
  /** Starts a server of its own for one test; it ends with the test. */
  static async start(t, mode, settings = {}) {
    const folder = await mkdtemp(path.join(tmpdir(), "isomer-browser-"));
    const variables = {
      PATH: process.env.PATH,
      ADMIN_TOKEN: ADMIN,
      ISOMER_DATA_DIR: folder,
      ISOMER_DEMO: "0",
      PORT: "0",
      RATE_LIMIT: "1000000",
      LOG_LEVEL: "warn",
      ...settings,
    };
    if (mode === "production") {
      variables.DATABASE_URL = await freshDatabase();
      variables.REDIS_URL = `${required("ISOMER_TEST_REDIS_URL")}/${nextRedis--}`;
    }
    const server = new Server(variables, folder);
    t.after(() => server.end());
    await server.run();
    return server;
  }

  constructor(variables, folder) {
    this.variables = variables;
    this.folder = folder;
    this.agents = new Set();
  }

  async run() {
    const options = { env: this.variables, cwd: this.folder, stdio: ["ignore", "pipe", "inherit"] };
    this.child = spawn(BINARY, ["serve"], options);
    this.link = await firstLine(this.child, "the server");
    this.address = this.link.split("/login")[0];
    // The same address again after a restart.
    this.variables.PORT = new URL(this.address).port;
  }

  /** Ends the process with a signal and waits for it. */
  async signal(name) {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(name);
    await ended;
  }

  /** An agent of this binary for a workspace; returns its process. */
  async agent(id, settings = {}) {
    const env = {
      PATH: process.env.PATH,
      WORKSPACE_ID: id,
      PLATFORM_URL: this.address,
      ISOMER_JOIN_TOKEN: ADMIN,
      HEARTBEAT_INTERVAL_SECONDS: "0.5",
      ISOMER_DATA_DIR: this.folder,
      HOME: this.folder,
      ...settings,
    };
    const child = spawn(BINARY, ["agent"], { env, cwd: this.folder, stdio: "ignore" });
    this.agents.add(child);
    return child;
  }

  /** Asks the API as the administrator; throws on anything but success. */
  async api(method, route, body) {
    const response = await fetch(this.address + route, {
      method,
      headers: { Authorization: `Bearer ${ADMIN}`, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Creates a workspace; returns its id. */
  async create(body) {
    return (await this.api("POST", "/workspaces", body)).id;
  }

  /** Registers an agent that only beats when it is told to; returns how to beat. */
  async external(body, card = { name: body.name }) {
    const { id, connection } = await this.api("POST", "/workspaces", { external: true, ...body });
    const post = async (route, content) => {
      const response = await fetch(this.address + route, {
        method: "POST",
        headers: { Authorization: `Bearer ${connection.auth_token}` },
        body: JSON.stringify(content),
      });
      if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`);
    };
    await post("/registry/register", { id, url: "http://localhost:1", agent_card: card });
    const beat = (fields = {}) =>
      post("/registry/heartbeat", { workspace_id: id, error_rate: 0, active_tasks: 0, ...fields });
    return { id, beat };
  }

  async end() {
    for (const agent of this.agents) agent.kill("SIGKILL");
    await this.signal("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }
}
