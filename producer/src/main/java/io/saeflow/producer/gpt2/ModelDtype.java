// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** In what a model multiplies. */
public enum ModelDtype {
  /** Everything in float32. */
  FLOAT32,

  /**
   * Matrix products and attention in bfloat16, with sums in float32 where the processor has such
   * instructions; the residual stream, the embeddings and the norms in float32.
   */
  BFLOAT16;

  /** As options and manifests name it. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The one with this {@link #id}.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static ModelDtype of(String id) {
    return Arrays.stream(values())
        .filter(dtype -> dtype.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "model-dtype: '%s' (expected: %s)"
                        .formatted(
                            id,
                            Arrays.stream(values())
                                .map(ModelDtype::id)
                                .collect(Collectors.joining(" or ")))));
  }
}
