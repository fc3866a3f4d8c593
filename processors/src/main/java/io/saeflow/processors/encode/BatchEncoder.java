// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One autoencoder at work, wherever batches of activations are at hand. Not safe for use by several
 * threads: one a thread.
 */
public final class BatchEncoder implements AutoCloseable {
  private final EncodeStage stage;
  private final LatentRouter router;
  private final SaeEncoder encoder;
  private final @Nullable SaeDecoder decoder;

  /** Opens the stage's encoder, and its decoder if it has one. */
  public BatchEncoder(EncodeStage stage) {
    this.stage = stage;
    this.router = new LatentRouter(stage.id(), stage.latents(), stage.ranges());
    this.encoder = stage.encoder().get();
    this.decoder = stage.decoder().map(Supplier::get).orElse(null);
  }

  /** What it was opened for. */
  public EncodeStage stage() {
    return stage;
  }

  /**
   * The batch's latents, a message for each feature range in the order of the ranges. Each goes to
   * the partition of its range.
   *
   * @throws MalformedMessageException if the batch is not of the autoencoder's hook point and
   *     width, or has tokens with activations that are not finite where these are refused
   */
  public List<LatentBatch> encode(ActivationBatch batch) throws MalformedMessageException {
    if (!batch.hook().equals(stage.hook())) {
      throw new MalformedMessageException(
          "hook point: %s (expected: %s)".formatted(batch.hook(), stage.hook()));
    }
    if (batch.width() != stage.width()) {
      throw new MalformedMessageException(
          "width: %d (expected: %d, that of SAE %s)"
              .formatted(batch.width(), stage.width(), stage.id()));
    }
    SparseLatents latents = encoder.encode(batch.values());
    if (latents.nonFiniteTokens() > 0 && stage.nonFinite() == NonFinitePolicy.FAIL) {
      throw new MalformedMessageException(
          "batch %d: %d tokens with activations that are not finite (policy: fail)"
              .formatted(batch.number(), latents.nonFiniteTokens()));
    }
    return router.route(batch.batch(), latents, summary(batch, latents));
  }

  private EncodingSummary summary(ActivationBatch batch, SparseLatents latents) {
    int nonZeros = latents.values().length;
    return decoder == null
        ? EncodingSummary.withoutDecoder(latents.nonFiniteTokens(), nonZeros)
        : EncodingSummary.of(
            latents.nonFiniteTokens(), nonZeros, decoder.normalizedErrors(batch.values(), latents));
  }

  @Override
  public void close() {
    encoder.close();
    if (decoder != null) {
      decoder.close();
    }
  }
}
