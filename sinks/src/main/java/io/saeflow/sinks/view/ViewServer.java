// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a run from its files, while these grow and afterwards: the page, the JSON API, and, if
 * asked for, what OpenAI's sae-viewer loads. It only ever reads.
 */
public final class ViewServer implements AutoCloseable {
  static {
    // The JDK's server reads these once. Small answers must not wait for the client's
    // acknowledgement, nor threads for requests that never end.
    setIfAbsent("sun.net.httpserver.nodelay", "true");
    setIfAbsent("sun.net.httpserver.maxReqTime", "15");
    setIfAbsent("jdk.httpserver.maxConnections", "256");
  }

  private static final Logger LOG = LoggerFactory.getLogger(ViewServer.class);

  private static final int THREADS = 8;
  private static final Duration POLL = Duration.ofMillis(250);
  private static final Duration HEARTBEAT = Duration.ofSeconds(15);

  private final OutputFolder out;
  private final String host;
  private final EventStreams events;
  private final ThreadPoolExecutor threads;
  private final ScheduledThreadPoolExecutor timer;
  private final ScheduledThreadPoolExecutor tail;
  private volatile RunView run;
  private @Nullable HttpEndpoint main;
  private @Nullable HttpEndpoint az;
  private String lastFailure = "";

  private ViewServer(ViewConfig config, Duration heartbeat) throws IOException {
    out = new OutputFolder(config.out());
    host = config.host();
    run = open(config);
    events =
        new EventStreams(
            heartbeat,
            () ->
                run.progress().lastLine().stream()
                    .map(line -> EventStreams.event("progress", line))
                    .toList());
    threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            1,
            TimeUnit.MINUTES,
            new LinkedBlockingQueue<>(),
            daemons("view http"));
    timer = new ScheduledThreadPoolExecutor(1, daemons("view timer"));
    timer.setRemoveOnCancelPolicy(true);
    tail = new ScheduledThreadPoolExecutor(1, daemons("view tail"));
  }

  /**
   * Starts to serve. Returns when it answers; large logs are read behind that, and show as they
   * are.
   *
   * @throws NoSuchFileException if the folder holds no run that was written for viewing
   * @throws IOException if the run cannot be read, or a port is taken
   */
  public static ViewServer start(ViewConfig config) throws IOException {
    return start(config, HEARTBEAT);
  }

  static ViewServer start(ViewConfig config, Duration heartbeat) throws IOException {
    ViewServer server = new ViewServer(config, heartbeat);
    try {
      server.listen(config);
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
    return server;
  }

  /** Where the page is. */
  public URI uri() {
    return uri(main);
  }

  /** Where OpenAI's sae-viewer gets its answers, if that was asked for. */
  public Optional<URI> azUri() {
    return az == null ? Optional.empty() : Optional.of(uri(az));
  }

  /** Stops serving; requests under way are cut off. */
  @Override
  public void close() {
    events.close();
    if (main != null) {
      main.close();
    }
    if (az != null) {
      az.close();
    }
    tail.shutdownNow();
    timer.shutdownNow();
    threads.shutdownNow();
    try {
      if (!tail.awaitTermination(10, TimeUnit.SECONDS)) {
        LOG.warn("the viewer's files are still being read");
      }
      run.close();
    } catch (IOException e) {
      LOG.warn("the viewer's files could not be closed", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** All routes of the page's port. */
  static List<Route> routes(Api api) {
    List<Route> routes = new ArrayList<>(api.routes());
    routes.addAll(PageFiles.routes());
    return routes;
  }

  private static RunView open(ViewConfig config) throws IOException {
    try {
      return RunView.open(new OutputFolder(config.out()));
    } catch (NoSuchFileException e) {
      NoSuchFileException told =
          new NoSuchFileException(
              e.getFile(), null, "no such file (expected: a run's output, with the sink 'view')");
      told.initCause(e);
      throw told;
    }
  }

  private void listen(ViewConfig config) throws IOException {
    Gate gate = new Gate(config.access());
    main =
        HttpEndpoint.start(
            new InetSocketAddress(config.host(), config.port()),
            routes(new Api(() -> run, events)),
            gate,
            Map.of(),
            threads,
            timer);
    if (config.azPort().isPresent()) {
      boolean local = config.access() instanceof Access.Bearer;
      int port = config.azPort().getAsInt();
      az =
          HttpEndpoint.start(
              local
                  ? new InetSocketAddress(InetAddress.getLoopbackAddress(), port)
                  : new InetSocketAddress(config.host(), port),
              new AzFiles(out).routes(),
              local ? new Gate(new Access.Local()) : gate,
              AzFiles.HEADERS,
              threads,
              timer);
    }
    ScheduledFuture<?> unused =
        tail.scheduleWithFixedDelay(this::follow, 0, POLL.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Reads what the run has written since. A failure is told, and tried again. */
  private void follow() {
    try {
      if (run.replaced()) {
        RunView before = run;
        run = RunView.open(out);
        before.close();
      }
      boolean more = true;
      while (more && !tail.isShutdown()) {
        more = announceNews();
      }
      lastFailure = "";
    } catch (IOException | RuntimeException e) {
      if (!lastFailure.equals(e.toString()) && !tail.isShutdown()) {
        lastFailure = e.toString();
        LOG.error("the run's files cannot be read; trying again", e);
      }
    }
  }

  private boolean announceNews() throws IOException {
    List<String> lines = run.progress().poll();
    if (!lines.isEmpty()) {
      events.publish(EventStreams.event("progress", lines.get(lines.size() - 1)));
    }
    boolean changed = false;
    for (SaeView sae : run.saes()) {
      int count = sae.poll();
      if (count > 0) {
        events.publish(EventStreams.event("features", changed(sae, count)));
        changed = true;
      }
    }
    return changed;
  }

  private static String changed(SaeView sae, int count) {
    byte[] line =
        Json.bytes(
            json -> {
              json.writeStartObject();
              json.writeStringField("sae", sae.description().id());
              json.writeNumberField("changed", count);
              json.writeEndObject();
            });
    return new String(line, StandardCharsets.UTF_8);
  }

  private URI uri(@Nullable HttpEndpoint endpoint) {
    if (endpoint == null) {
      throw new IllegalStateException("viewer: not started (expected: started)");
    }
    String name = host.indexOf(':') >= 0 && !host.startsWith("[") ? "[" + host + "]" : host;
    return URI.create("http://%s:%d".formatted(name, endpoint.port()));
  }

  private static ThreadFactory daemons(String name) {
    ThreadFactory plain = Executors.defaultThreadFactory();
    return task -> {
      Thread thread = plain.newThread(task);
      thread.setName(name);
      thread.setDaemon(true);
      return thread;
    };
  }

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }
}
