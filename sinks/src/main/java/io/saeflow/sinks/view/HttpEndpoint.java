// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One listening port: finds the route, asks the gate, and sends the answer. */
final class HttpEndpoint implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(HttpEndpoint.class);

  /** On every answer. */
  private static final Map<String, String> SECURITY_HEADERS =
      Map.of(
          "Content-Security-Policy",
          "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
          "X-Content-Type-Options",
          "nosniff",
          "Referrer-Policy",
          "no-referrer",
          "Cache-Control",
          "no-cache");

  private static final int GZIP_FROM = 1024;
  private static final int BACKLOG = 64;

  /** A client that does not take its answer in this time is cut off, to free the thread. */
  private static final int ANSWER_SECONDS = 30;

  private final HttpServer server;
  private final List<Route> routes;
  private final Gate gate;
  private final Map<String, String> headers;
  private final ScheduledExecutorService deadlines;

  private HttpEndpoint(
      HttpServer server,
      List<Route> routes,
      Gate gate,
      Map<String, String> headers,
      ScheduledExecutorService deadlines) {
    this.server = server;
    this.routes = routes;
    this.gate = gate;
    this.headers = new HashMap<>(SECURITY_HEADERS);
    this.headers.putAll(headers);
    this.deadlines = deadlines;
  }

  /**
   * Begins to listen.
   *
   * @param routes the first that matches answers
   * @param headers on every answer, beside those for security
   * @param threads where answers are made
   * @param deadlines cuts off who takes too long
   * @throws IOException if the port is taken
   */
  static HttpEndpoint start(
      InetSocketAddress address,
      List<Route> routes,
      Gate gate,
      Map<String, String> headers,
      ThreadPoolExecutor threads,
      ScheduledExecutorService deadlines)
      throws IOException {
    HttpServer server = HttpServer.create(address, BACKLOG);
    HttpEndpoint endpoint = new HttpEndpoint(server, routes, gate, headers, deadlines);
    server.createContext("/", endpoint::handle);
    server.setExecutor(threads);
    server.start();
    return endpoint;
  }

  int port() {
    return server.getAddress().getPort();
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void handle(HttpExchange exchange) {
    ScheduledFuture<?> deadline =
        deadlines.schedule(exchange::close, ANSWER_SECONDS, TimeUnit.SECONDS);
    try {
      headers.forEach(exchange.getResponseHeaders()::set);
      Answer answer = answer(exchange);
      if (answer instanceof Answer.Takeover takeover) {
        takeover.take(exchange);
      } else {
        send(exchange, (Answer.Whole) answer);
      }
    } catch (IOException e) {
      LOG.debug("{}: client is gone", exchange.getRequestURI(), e);
      exchange.close();
    } finally {
      deadline.cancel(false);
    }
  }

  private Answer answer(HttpExchange exchange) {
    try {
      return route(exchange);
    } catch (RequestException e) {
      return Answer.error(
          e.status(),
          e.getMessage(),
          e.status() == 401 ? Map.of("WWW-Authenticate", "Bearer") : Map.of());
    } catch (IOException | RuntimeException e) {
      LOG.error("{} {}", exchange.getRequestMethod(), exchange.getRequestURI(), e);
      return Answer.error(500, "the server could not answer; its log says why", Map.of());
    }
  }

  private Answer route(HttpExchange exchange) throws IOException, RequestException {
    String rawPath = exchange.getRequestURI().getRawPath();
    if (rawPath == null || !rawPath.startsWith("/")) {
      throw RequestException.badRequest("path: '%s' (expected: /...)".formatted(rawPath));
    }
    List<String> segments = Request.segments(rawPath);
    String method = exchange.getRequestMethod();
    TreeSet<String> allowed = new TreeSet<>();
    for (Route route : routes) {
      Optional<Map<String, String>> variables = route.match(segments);
      if (variables.isPresent()) {
        if (route.method().equals(method)) {
          gate.require(exchange.getRequestHeaders(), route.protection());
          return route
              .handler()
              .answer(
                  new Request(
                      variables.get(),
                      exchange.getRequestURI().getRawQuery(),
                      exchange.getRequestBody()));
        }
        allowed.add(route.method());
      }
    }
    gate.require(exchange.getRequestHeaders(), Route.Protection.PUBLIC);
    if (allowed.isEmpty()) {
      throw RequestException.notFound("path: '%s' (expected: one of the API's)".formatted(rawPath));
    }
    String methods = String.join(", ", allowed);
    return Answer.error(
        405, "method: %s (expected: %s)".formatted(method, methods), Map.of("Allow", methods));
  }

  private static void send(HttpExchange exchange, Answer.Whole answer) throws IOException {
    Headers out = exchange.getResponseHeaders();
    answer.headers().forEach(out::set);
    byte[] bytes = answer.body().bytes();
    if (bytes.length > 0) {
      out.set("Content-Type", answer.type());
    }
    if (bytes.length > GZIP_FROM) {
      out.set("Vary", "Accept-Encoding");
      if (acceptsGzip(exchange.getRequestHeaders())) {
        out.set("Content-Encoding", "gzip");
        bytes = gzip(bytes);
      }
    }
    try (exchange) {
      if (bytes.length == 0 || exchange.getRequestMethod().equals("HEAD")) {
        exchange.sendResponseHeaders(answer.status(), -1);
      } else {
        exchange.sendResponseHeaders(answer.status(), bytes.length);
        try (OutputStream body = exchange.getResponseBody()) {
          body.write(bytes);
        }
      }
    }
  }

  private static boolean acceptsGzip(Headers headers) {
    for (String line : headers.getOrDefault("Accept-Encoding", List.of())) {
      for (String coding : line.split(",", -1)) {
        if (coding.matches("(?i)\\s*(gzip|\\*)\\s*(;\\s*q=(1(\\.0*)?|0?\\.\\d*[1-9]\\d*))?\\s*")) {
          return true;
        }
      }
    }
    return false;
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream(bytes.length / 2);
    try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
      out.write(bytes);
    }
    return packed.toByteArray();
  }
}
