// Starts the built binary on a free port over a temporary data folder.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";

const READY_WITHIN = 20_000; // ms

/** Resolves once the server says where it is: {url, setup, stop}. */
export async function startServer(binary) {
  const data = await mkdtemp(join(tmpdir(), "granary-browser-"));
  // The server refuses variables that it does not know, such as the engines' addresses for other tests.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(GRANARY|NACHET)_/.test(name)));
  const child = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data", data], { stdio: ["ignore", "pipe", "pipe"], cwd: data, env });
  const log = [];
  child.stderr.on("data", (chunk) => log.push(chunk.toString()));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(data, { recursive: true, force: true });
  };
  const found = {};
  const ready = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the server did not say that it is ready")), READY_WITHIN);
    exited.then((code) => reject(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const url = line.match(/https?:\S+/)?.[0];
      if (/^\s*console\b/.test(line)) found.url = url.replace(/\/$/, "");
      if (/^\s*first run\b/.test(line)) found.setup = url;
      if (found.url && found.setup) {
        clearTimeout(timer);
        resolve();
      }
    });
  });
  try {
    await ready;
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${log.join("")}`);
  }
  return { ...found, log, stop };
}

/** Serves the files of a folder, as a front end does its pictures: {url, stop}. */
export async function serveFolder(folder) {
  const front = createServer((request, response) => {
    readFile(join(folder, basename(request.url))).then(
      (data) => response.end(data),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise((resolve) => front.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${front.address().port}`,
    stop: () => new Promise((resolve) => { front.close(resolve); front.closeAllConnections(); }),
  };
}
