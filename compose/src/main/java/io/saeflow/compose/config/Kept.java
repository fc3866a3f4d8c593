// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.util.Locale;

/** What can stay on its topics although every stage has read it. */
public enum Kept {
  /** Dense activations, for autoencoders that join the run later. */
  ACTIVATIONS,
  /** Sparse latents, for sinks that join the run later. */
  LATENTS;

  /** The name that it has in settings and manifests. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
