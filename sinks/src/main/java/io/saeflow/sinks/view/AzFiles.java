// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What OpenAI's sae-viewer asks of its local server: {@code POST /load_az} with the address that a
 * feature's file has in OpenAI's storage. Answers with our file of that name, as it is; only files
 * that really are below {@code sae-viewer} in the output folder can be had.
 */
final class AzFiles {
  /** The viewer's page comes from another port. */
  static final Map<String, String> HEADERS =
      Map.of(
          "Access-Control-Allow-Origin", "*",
          "Access-Control-Allow-Methods", "POST, OPTIONS",
          "Access-Control-Allow-Headers", "Content-Type",
          "Access-Control-Max-Age", "600");

  private static final String FOLDER = "sae-viewer";

  private static final Pattern ADDRESS =
      Pattern.compile(
          "az://openaipublic/sparse-autoencoder/viewer/((?:[^/]+/){2,}atoms/\\d+(?:-ablated)?\\.json)");

  private final OutputFolder out;

  AzFiles(OutputFolder out) {
    this.out = out;
  }

  List<Route> routes() {
    return List.of(
        new Route("POST", "/load_az", Route.Protection.PUBLIC, this::load),
        new Route(
            "OPTIONS",
            "/load_az",
            Route.Protection.PUBLIC,
            request ->
                new Answer.Whole(204, Answer.JSON_TYPE, new Answer.Body(new byte[0]), Map.of())));
  }

  private Answer load(Request request) throws IOException, RequestException {
    String path = relative(address(request.body()));
    Path root = out.root().toRealPath().resolve(FOLDER);
    try {
      Path file = out.resolve(FOLDER, path).toRealPath();
      if (file.startsWith(root) && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
          return Answer.ok(Answer.JSON_TYPE, in.readAllBytes());
        }
      }
    } catch (FileSystemException e) {
      // It does not exist, or a part of its path is no folder.
    }
    throw RequestException.notFound("file: '%s' (expected: a feature's file)".formatted(path));
  }

  private static String address(byte[] body) throws IOException, RequestException {
    try {
      JsonNode path = Json.READER.readTree(body).path("path");
      if (path.isTextual()) {
        return path.asText();
      }
    } catch (JsonProcessingException e) {
      // Told below, as for JSON without a path.
    }
    throw RequestException.badRequest("body: no path (expected: {\"path\": \"az://...\"})");
  }

  private static String relative(String address) throws RequestException {
    Matcher matcher = ADDRESS.matcher(address);
    if (!matcher.matches()) {
      throw RequestException.badRequest(
          "path: '%s' (expected: az://openaipublic/sparse-autoencoder/viewer/{subject}/{sae path}/atoms/{feature}.json)"
              .formatted(address));
    }
    try {
      return OutputFolder.requireRelative("path", matcher.group(1));
    } catch (IllegalArgumentException e) {
      throw RequestException.badRequest(e.getMessage());
    }
  }
}
