// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.sun.net.httpserver.HttpExchange;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The clients that wait for server-sent events. Each has a thread of its own, so that a slow one
 * keeps nobody waiting; there can be so many only.
 */
final class EventStreams implements Closeable {
  static final int MOST = 32;

  /** One that falls behind further loses its oldest events; each event tells how things are now. */
  private static final int QUEUED = 64;

  private final Duration heartbeat;
  private final Supplier<List<String>> greeting;
  private final Semaphore free = new Semaphore(MOST);
  private final Set<Stream> streams = ConcurrentHashMap.newKeySet();

  /**
   * @param heartbeat how long a stream may be silent; then a comment is sent
   * @param greeting the events that a stream begins with
   */
  EventStreams(Duration heartbeat, Supplier<List<String>> greeting) {
    this.heartbeat = heartbeat;
    this.greeting = greeting;
  }

  /** An event as it is sent. */
  static String event(String name, String line) {
    return "event: %s\ndata: %s\n\n".formatted(name, line);
  }

  /** Sends an event to all streams. */
  void publish(String event) {
    for (Stream stream : streams) {
      stream.offer(event);
    }
  }

  /**
   * The answer that becomes a stream.
   *
   * @throws RequestException if there are too many
   */
  Answer.Takeover open() throws RequestException {
    if (!free.tryAcquire()) {
      throw new RequestException(
          503, "event streams: %d are open (expected: fewer)".formatted(MOST));
    }
    return exchange -> {
      Stream stream = new Stream(exchange);
      streams.add(stream);
      greeting.get().forEach(stream::offer);
      stream.thread.start();
    };
  }

  @Override
  public void close() {
    for (Stream stream : new ArrayList<>(streams)) {
      stream.thread.interrupt();
    }
  }

  private final class Stream {
    private final HttpExchange exchange;
    private final BlockingQueue<String> queue = new ArrayBlockingQueue<>(QUEUED);
    private final Thread thread = new Thread(this::run, "view events");

    private Stream(HttpExchange exchange) {
      this.exchange = exchange;
      thread.setDaemon(true);
    }

    private void offer(String event) {
      while (!queue.offer(event)) {
        queue.poll();
      }
    }

    private void run() {
      try (exchange) {
        exchange.getResponseHeaders().set("Content-Type", "text/event-stream; charset=utf-8");
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream out = exchange.getResponseBody()) {
          send(out, "retry: 3000\n\n");
          while (true) {
            String event = queue.poll(heartbeat.toMillis(), TimeUnit.MILLISECONDS);
            send(out, event == null ? ":\n\n" : event);
          }
        }
      } catch (IOException | InterruptedException e) {
        // The client is gone, or the server closes.
      } finally {
        streams.remove(this);
        free.release();
      }
    }

    private static void send(OutputStream out, String text) throws IOException {
      out.write(text.getBytes(StandardCharsets.UTF_8));
      out.flush();
    }
  }
}
