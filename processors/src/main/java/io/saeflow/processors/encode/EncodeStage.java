// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.hook.HookPoint;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * One autoencoder to apply.
 *
 * @param id the autoencoder's id
 * @param hook the hook point it reads
 * @param width the hook point's width
 * @param latents how many latents it has
 * @param ranges over how many partitions they are spread
 * @param nonFinite what becomes of tokens with activations that are not finite
 * @param encoder opens an encoder; called once by who encodes, who closes it
 * @param decoder likewise a decoder, by which the encoding is judged; empty if there is none
 */
public record EncodeStage(
    String id,
    HookPoint hook,
    int width,
    int latents,
    int ranges,
    NonFinitePolicy nonFinite,
    Supplier<SaeEncoder> encoder,
    Optional<Supplier<SaeDecoder>> decoder) {
  public EncodeStage {
    Topics.requireSaeId(id);
    if (ranges < 1 || ranges > latents) {
      throw new IllegalArgumentException(
          "feature ranges of %s: %d (expected: 1 to its %d latents)"
              .formatted(id, ranges, latents));
    }
  }
}
