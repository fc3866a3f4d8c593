// SPDX-License-Identifier: Apache-2.0
// The JSON API and its live events.

const TOKEN = 'saeflow.token';

/** An answer other than 200; status 0 when there was none. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function rememberToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

function headers() {
  return hasToken() ? { Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` } : {};
}

/** The parsed JSON of an API path. */
export async function get(path, signal) {
  let response;
  try {
    response = await fetch(path, { headers: headers(), signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The server does not answer.');
  }
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw new ApiError(response.status, body?.error ?? `The server answered ${response.status}.`);
  }
  return response.json();
}

export const saePath = (sae) => `/api/saes/${encodeURIComponent(sae)}`;

/** /page?a=1&b=2 without the entries that are null or empty. */
export function withQuery(path, entries) {
  const kept = Object.entries(entries).filter(([, v]) => v !== null && v !== undefined && v !== '');
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
}

/**
 * Follows /api/events until told to stop, and reconnects after a loss. EventSource cannot send a
 * bearer token, so the stream is read with fetch.
 *
 * @param listener called with ("progress" | "features" | "open" | "lost", data)
 * @returns a function that stops
 */
export function follow(listener) {
  const stop = new AbortController();
  let wait = 1000;
  const connect = async () => {
    try {
      const response = await fetch('/api/events', {
        headers: { Accept: 'text/event-stream', ...headers() },
        signal: stop.signal,
      });
      if (!response.ok) throw new Error(String(response.status));
      listener('open', null);
      wait = 1000;
      await readEvents(response.body, listener);
    } catch {
      // A lost stream is reported below, whatever ended it.
    }
    if (stop.signal.aborted) return;
    listener('lost', null);
    setTimeout(connect, wait);
    wait = Math.min(2 * wait, 15000);
  };
  connect();
  return () => stop.abort();
}

async function readEvents(body, listener) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value.replace(/\r/g, '');
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split('\n').filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trimStart()).join('\n');
      if (field('data')) listener(field('event') || 'message', JSON.parse(field('data')));
    }
  }
}
