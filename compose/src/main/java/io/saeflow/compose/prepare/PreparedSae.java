// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.CertifiedSaeEncoder;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.processors.aggregate.AggregateStage;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.processors.weights.SaeFile;
import io.saeflow.processors.weights.SaeFileException;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** An autoencoder that fits its hook point. */
record PreparedSae(SaeConfig config, SaeFile file, HookPoint hook, int ranges, EncoderMeter meter) {

  static PreparedSae open(SaeConfig config, StreamConfig stream, Gpt2 model) {
    SaeFile file;
    try {
      file = SaeFile.read(config.path());
    } catch (SaeFileException | IllegalArgumentException e) {
      // Every folder of a family has the same files in it, so a file's name does not tell which.
      throw new BadInputException("SAE %s: %s".formatted(config.id(), e.getMessage()), e);
    }
    HookPoint hook =
        config
            .hook()
            .or(file::hook)
            .orElseThrow(
                () ->
                    new BadInputException(
                        "hook of SAE %s: missing (expected: --hook NAME, since %s names none)"
                            .formatted(config.id(), config.path())));
    int width;
    try {
      width = model.width(hook);
    } catch (IllegalArgumentException e) {
      throw new BadInputException("SAE %s: %s".formatted(config.id(), e.getMessage()), e);
    }
    if (file.weights().width() != width) {
      throw new BadInputException(
          "%s: an SAE of width %d (expected: %d, the width of %s)"
              .formatted(config.path(), file.weights().width(), width, hook));
    }
    return new PreparedSae(
        config, file, hook, stream.featureRangesFor(file.weights().latents()), new EncoderMeter());
  }

  EncodeStage encodeStage(TensorEngine engine, NonFinitePolicy nonFinite) {
    return new EncodeStage(
        config.id(),
        hook,
        file.weights().width(),
        file.weights().latents(),
        ranges,
        nonFinite,
        () -> new CertifiedSaeEncoder(file.weights(), engine, meter));
  }

  AggregateStage aggregateStage() {
    return new AggregateStage(config.id(), file.weights().latents(), ranges);
  }

  SaeManifest manifest() {
    return SaeManifest.newBuilder()
        .setId(config.id())
        .setHook(hook.name())
        .setFamily(file.family())
        .setArchitecture(file.architecture())
        .setK(k(file.weights().activationFunction()))
        .setNormalization(name(file.weights().normalization()))
        .setWidth(file.weights().width())
        .setLatents(file.weights().latents())
        .setFeatureRanges(ranges)
        .setSaePath(config.viewerPath())
        .setSha256(file.sha256())
        .build();
  }

  private static @Nullable Integer k(ActivationFunction function) {
    return function instanceof ActivationFunction.TopK topK ? topK.k() : null;
  }

  private static String name(InputNormalization normalization) {
    return normalization.name().toLowerCase(Locale.ROOT);
  }
}
