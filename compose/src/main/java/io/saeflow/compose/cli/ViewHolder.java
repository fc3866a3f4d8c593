// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.sinks.view.ViewServer;
import org.jspecify.annotations.Nullable;

/** The viewer that a run starts once it writes, if it does. */
final class ViewHolder implements AutoCloseable {
  private @Nullable ViewServer server;

  void hold(ViewServer started) {
    server = started;
  }

  @Override
  public void close() {
    if (server != null) {
      server.close();
    }
  }
}
