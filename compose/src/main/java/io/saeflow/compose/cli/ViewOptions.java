// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.sinks.view.Access;
import io.saeflow.sinks.view.ViewConfig;
import io.saeflow.sinks.view.ViewServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.BindException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where and to whom a viewer serves. */
final class ViewOptions {
  private static final int DEFAULT_PORT = 8080;

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description =
          "Address to serve on. Any that is not loopback needs a token or --insecure. Default:"
              + " ${DEFAULT-VALUE}.")
  private String host;

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description = "Port of the viewer. Default: " + DEFAULT_PORT + ", or any if that is taken.")
  private @Nullable Integer port;

  @Option(
      names = "--az-port",
      paramLabel = "PORT",
      description =
          "Answer OpenAI's sae-viewer (POST /load_az) here; it asks port 8000. Default: not"
              + " answered.")
  private @Nullable Integer azPort;

  @Option(
      names = "--token",
      paramLabel = "TOKEN",
      defaultValue = "${env:SAEFLOW_TOKEN}",
      description =
          "Bearer token that readers must send, at least 16 characters. Better set as"
              + " SAEFLOW_TOKEN, which other users of the machine cannot see. Default: none.")
  private @Nullable String token;

  @Option(names = "--insecure", description = "Let everyone who can connect read. Default: no.")
  private boolean insecure;

  /** Serves {@code out} and says where. */
  ViewServer start(Path out, PrintWriter err) throws IOException {
    ViewServer server;
    try {
      server = serve(out, port == null ? DEFAULT_PORT : port);
    } catch (BindException e) {
      if (port != null) {
        throw new BadInputException("port: %d is taken (expected: a free one)".formatted(port), e);
      }
      server = serve(out, 0);
    } catch (NoSuchFileException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    err.println("viewer at " + server.uri());
    server.azUri().ifPresent(az -> err.println("sae-viewer answered at " + az));
    return server;
  }

  private ViewServer serve(Path out, int chosen) throws IOException {
    try {
      return ViewServer.start(
          new ViewConfig(
              out,
              host,
              chosen,
              access(),
              azPort == null ? OptionalInt.empty() : OptionalInt.of(azPort)));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private Access access() {
    if (token != null && !token.isEmpty()) {
      return new Access.Bearer(token);
    }
    return insecure ? new Access.Insecure() : new Access.Local();
  }
}
