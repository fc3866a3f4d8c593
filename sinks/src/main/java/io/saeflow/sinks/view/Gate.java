// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.sun.net.httpserver.Headers;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Lets requests in as {@link Access} says. */
final class Gate {
  private static final String SCHEME = "Bearer ";

  private final Access access;

  Gate(Access access) {
    this.access = access;
  }

  /**
   * Returns if the request may be answered.
   *
   * @throws RequestException with status 401 or 403 if not
   */
  void require(Headers headers, Route.Protection protection) throws RequestException {
    if (access instanceof Access.Local) {
      requireLocal(headers.getFirst("Host"));
    } else if (access instanceof Access.Bearer bearer
        && protection == Route.Protection.RESTRICTED
        && !carries(headers.getFirst("Authorization"), bearer.token())) {
      throw new RequestException(401, "no valid token (expected: Authorization: Bearer <token>)");
    }
  }

  private static boolean carries(@Nullable String authorization, String token) {
    return authorization != null
        && authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
        // Takes as long for a token that begins rightly as for any other.
        && MessageDigest.isEqual(
            authorization.substring(SCHEME.length()).getBytes(StandardCharsets.UTF_8),
            token.getBytes(StandardCharsets.UTF_8));
  }

  private static void requireLocal(@Nullable String host) throws RequestException {
    String name = host == null ? "" : host.replaceFirst(":\\d*$", "").toLowerCase(Locale.ROOT);
    if (!name.equals("localhost") && !name.equals("[::1]") && !name.matches("127(\\.\\d+){3}")) {
      throw new RequestException(
          403, "host: '%s' (expected: localhost or a loopback address)".formatted(name));
    }
  }
}
