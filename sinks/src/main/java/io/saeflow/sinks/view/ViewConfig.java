// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * What to serve, and where.
 *
 * @param out a run's output folder
 * @param host the address to listen on, such as {@code 127.0.0.1} or {@code 0.0.0.0}
 * @param port 0 takes any that is free
 * @param access who may read
 * @param azPort where to answer OpenAI's sae-viewer, which wants 8000; 0 takes any. That viewer can
 *     send no token, so with one this port is on loopback whatever {@code host} is
 */
public record ViewConfig(Path out, String host, int port, Access access, OptionalInt azPort) {
  /**
   * @throws IllegalArgumentException if a port is out of range, the host is unknown, or {@link
   *     Access.Local} is asked for on an address that is not loopback
   */
  public ViewConfig {
    requirePort("port", port);
    azPort.ifPresent(az -> requirePort("port for sae-viewer", az));
    if (access instanceof Access.Local && !isLoopback(host)) {
      throw new IllegalArgumentException(
          "host: %s is not loopback (expected: a token, or insecure access, for others to read)"
              .formatted(host));
    }
  }

  private static void requirePort(String what, int port) {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("%s: %d (expected: 0 to 65535)".formatted(what, port));
    }
  }

  private static boolean isLoopback(String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("host: %s (expected: a known one)".formatted(host), e);
    }
  }
}
