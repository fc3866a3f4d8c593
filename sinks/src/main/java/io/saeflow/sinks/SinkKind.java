// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What can be written. */
public enum SinkKind {
  /** OpenAI's sae-viewer: one JSON file a feature. */
  SAE_VIEWER("sae-viewer"),
  /** OpenAI's automated-interpretability: one JSON file a feature. */
  NEURON_RECORDS("neuron-records"),
  /** EleutherAI's delphi: one safetensors file a feature range, with all latents. */
  DELPHI("delphi"),
  /** What saeflow's own viewer reads, while a run goes on and afterwards. */
  VIEW("view");

  private final String id;

  SinkKind(String id) {
    this.id = id;
  }

  /** Its name in options, and its folder below the output folder. */
  public String id() {
    return id;
  }

  /**
   * The kind whose {@link #id} this is.
   *
   * @throws IllegalArgumentException if there is none; the message lists them
   */
  public static SinkKind parse(String id) {
    for (SinkKind kind : values()) {
      if (kind.id.equals(id)) {
        return kind;
      }
    }
    throw new IllegalArgumentException(
        "sink: '%s' (expected: %s)"
            .formatted(
                id, Arrays.stream(values()).map(SinkKind::id).collect(Collectors.joining(", "))));
  }
}
