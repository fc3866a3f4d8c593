// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import java.util.Locale;

/** In what activations are published. */
public enum ActivationDtype {
  /** As the model gave them. */
  FLOAT32,

  /**
   * Rounded to the nearest float16, at half the bytes: 11 bits, and infinite from 65,520 on, which
   * leaves a token out.
   */
  FLOAT16;

  /** As options and manifests name it. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The one with this {@link #id}.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static ActivationDtype of(String id) {
    for (ActivationDtype dtype : values()) {
      if (dtype.id().equals(id)) {
        return dtype;
      }
    }
    throw new IllegalArgumentException(
        "activation-dtype: '%s' (expected: float32 or float16)".formatted(id));
  }
}
