// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The page's files, which are resources in {@code web}. */
final class PageFiles {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)+");

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "json", Answer.JSON_TYPE,
          "svg", "image/svg+xml",
          "png", "image/png",
          "ico", "image/x-icon",
          "woff2", "font/woff2");

  private PageFiles() {}

  /** The page itself finds out from its address what to show. */
  static List<Route> routes() {
    return List.of(
        new Route("GET", "/", Route.Protection.PUBLIC, request -> file("web/", "index.html")),
        new Route(
            "GET",
            "/saes/{sae}/features/{index}",
            Route.Protection.PUBLIC,
            request -> file("web/", "index.html")),
        new Route(
            "GET",
            "/{file}",
            Route.Protection.PUBLIC,
            request -> file("web/", request.variable("file"))));
  }

  static Answer file(String folder, String name) throws IOException, RequestException {
    String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
    if (type != null && NAME.matcher(name).matches()) {
      try (@Nullable InputStream in = PageFiles.class.getResourceAsStream(folder + name)) {
        if (in != null) {
          return Answer.ok(type, in.readAllBytes());
        }
      }
    }
    throw RequestException.notFound("file: '%s' (expected: one of the page's)".formatted(name));
  }
}
