// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

/** What {@link ReferenceSaeEncoder} says of prepared rows, for tests of other packages. */
public final class ReferencePreActivations {
  private ReferencePreActivations() {}

  /**
   * Every pre-activation of every row.
   *
   * @param rows [tokens, width]
   * @return [tokens, latents]
   */
  public static float[] of(float[] rows, SaeWeights weights) {
    ReferenceSaeEncoder reference = new ReferenceSaeEncoder(weights);
    int tokens = weights.tokens(rows);
    int latents = weights.latents();
    float[] all = new float[tokens * latents];
    for (int t = 0; t < tokens; t++) {
      for (int i = 0; i < latents; i++) {
        all[t * latents + i] = reference.preActivation(rows, t * weights.width(), i);
      }
    }
    return all;
  }
}
