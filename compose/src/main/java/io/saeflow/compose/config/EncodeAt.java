// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.util.Locale;

/** Who encodes a model's activations. The files are the same either way. */
public enum EncodeAt {
  /**
   * The processors: activations are published. Several autoencoders, later ones too, and machines
   * of another kind can read them. A batch has some megabytes, so that the default of what may wait
   * is a few hundred megabytes of disk.
   */
  PROCESS(64),

  /**
   * Who runs the model: only latents are published. They are a small part of the bytes, and
   * aggregators commit what they have read once in ten seconds only, so that more may wait.
   */
  PRODUCER(1024);

  private final int defaultMaxWaitingBatches;

  EncodeAt(int defaultMaxWaitingBatches) {
    this.defaultMaxWaitingBatches = defaultMaxWaitingBatches;
  }

  /** The name that it has in settings and manifests. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The one of this {@link #id}; {@link IllegalArgumentException} if there is none. */
  public static EncodeAt of(String id) {
    for (EncodeAt value : values()) {
      if (value.id().equals(id)) {
        return value;
      }
    }
    throw new IllegalArgumentException(
        "encode-at: '%s' (expected: process or producer)".formatted(id));
  }

  /** How many records of a partition may wait before the model does, unless a setting says so. */
  public int defaultMaxWaitingBatches() {
    return defaultMaxWaitingBatches;
  }
}
