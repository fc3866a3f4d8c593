// SPDX-License-Identifier: Apache-2.0
// Checks that the folder of a demo run holds what the README says.
// Run as: node .ci/check-demo.mjs OUT
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

const FEATURES = 4096;
const out = process.argv[2];

function check(condition, message) {
  if (!condition) {
    console.error(`check-demo: ${message}`);
    process.exit(1);
  }
}

function json(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (e) {
    check(false, `${path}: ${e.message}`);
  }
}

/** The only entry of a folder, as a path. */
function only(folder) {
  check(existsSync(folder), `${folder}: missing`);
  const names = readdirSync(folder);
  check(names.length === 1, `${folder}: ${names.join(", ")} (expected: one entry)`);
  return join(folder, names[0]);
}

/** Reads FOLDER/0.json to FOLDER/4095.json and nothing else. */
function records(folder) {
  check(existsSync(folder), `${folder}: missing`);
  const count = readdirSync(folder).length;
  check(count === FEATURES, `${folder}: ${count} files (expected: ${FEATURES})`);
  return Array.from({ length: FEATURES }, (_, i) => json(join(folder, `${i}.json`)));
}

const manifest = json(join(out, "manifest.json"));
check(Object.keys(manifest).length > 0, "manifest.json: empty");

const atoms = records(join(only(only(join(out, "sae-viewer"))), "atoms"));
let alive = 0;
atoms.forEach((atom, i) => {
  check(typeof atom.density === "number", `atom ${i}: density ${atom.density}`);
  check(Array.isArray(atom.top) && Array.isArray(atom.random), `atom ${i}: no top or random`);
  for (const row of [...atom.top, ...atom.random]) {
    check(row.tokens.length === row.acts.length, `atom ${i}: tokens and acts differ in length`);
    check(Math.abs(row.acts[row.idx] - row.act) < 1e-6, `atom ${i}: act is not acts[idx]`);
  }
  check(atom.density === 0 || atom.top.length > 0, `atom ${i}: fires, but has no example`);
  alive += atom.density > 0 ? 1 : 0;
});
check(alive > FEATURES / 4, `features alive: ${alive} (expected: more than a quarter)`);

const layers = join(only(join(out, "neuron-records")), "collated_activations");
records(only(layers)).forEach((record, i) => {
  check(typeof record === "object" && record !== null, `neuron record ${i}: ${record}`);
});

const hook = only(join(out, "delphi", "latents"));
json(join(hook, "config.json"));
const shards = readdirSync(hook)
  .map((name) => /^(\d+)_(\d+)\.safetensors$/.exec(name))
  .filter((match) => match !== null)
  .map((match) => ({ name: match[0], start: Number(match[1]), end: Number(match[2]) }))
  .sort((a, b) => a.start - b.start);
let next = 0;
for (const shard of shards) {
  check(shard.start === next, `${shard.name}: starts at ${shard.start} (expected: ${next})`);
  next = shard.end + 1;
  const path = join(hook, shard.name);
  const file = openSync(path);
  const length = Buffer.alloc(8);
  readSync(file, length, 0, 8, 0);
  const header = Buffer.alloc(Number(length.readBigUInt64LE()));
  readSync(file, header, 0, header.length, 8);
  closeSync(file);
  const tensors = JSON.parse(header.toString("utf8"));
  const rows = tensors.activations.shape[0];
  check(tensors.locations.shape[0] === rows, `${shard.name}: ${rows} activations, other locations`);
  check(statSync(path).size > 8 + header.length || rows === 0, `${shard.name}: no data`);
}
check(next === FEATURES, `delphi shards end at ${next} (expected: ${FEATURES})`);

console.log(`check-demo: ${FEATURES} features, ${alive} alive, ${shards.length} delphi shards`);
