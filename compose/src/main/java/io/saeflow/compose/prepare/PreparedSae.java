// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.processors.weights.SaeFile;
import io.saeflow.processors.weights.SaeFileException;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * An autoencoder and what the run says of it.
 *
 * @param manifest its place in the run
 * @param file its weights
 * @param meter what its encoders in this process have done
 */
public record PreparedSae(SaeManifest manifest, SaeFile file, EncoderMeter meter) {

  /**
   * Reads an autoencoder and finds its place in a run.
   *
   * @param generation 0 for a run's first autoencoders
   * @param widths the width of each hook point that there is
   * @throws BadInputException if it cannot be used, or does not fit its hook point
   */
  static PreparedSae open(
      SaeConfig config, StreamConfig stream, int generation, ToIntFunction<HookPoint> widths) {
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
      width = widths.applyAsInt(hook);
    } catch (IllegalArgumentException e) {
      throw new BadInputException("SAE %s: %s".formatted(config.id(), e.getMessage()), e);
    }
    if (file.weights().width() != width) {
      throw new BadInputException(
          "%s: an SAE of width %d (expected: %d, the width of %s)"
              .formatted(config.path(), file.weights().width(), width, hook));
    }
    return new PreparedSae(
        SaeManifest.newBuilder()
            .setId(config.id())
            .setHook(hook.name())
            .setFamily(file.family())
            .setArchitecture(file.architecture())
            .setK(k(file.weights().activationFunction()))
            .setNormalization(name(file.weights().normalization()))
            .setWidth(width)
            .setLatents(file.weights().latents())
            .setFeatureRanges(stream.featureRangesFor(file.weights().latents()))
            .setSaePath(config.viewerPath())
            .setSha256(file.sha256())
            .setGeneration(generation)
            .build(),
        file,
        new EncoderMeter());
  }

  /** The meters of autoencoders by their ids, in alphabetical order. */
  public static Map<String, EncoderMeter> meters(List<PreparedSae> saes) {
    Map<String, EncoderMeter> meters = new TreeMap<>();
    saes.forEach(sae -> meters.put(sae.id(), sae.meter()));
    return meters;
  }

  String id() {
    return manifest.getId();
  }

  HookPoint hook() {
    return HookPoint.parse(manifest.getHook());
  }

  /** How it is encoded, with encoders of {@code encoders}. */
  public EncodeStage encodeStage(SaeEncoders encoders, NonFinitePolicy nonFinite) {
    return new EncodeStage(
        id(),
        hook(),
        manifest.getWidth(),
        manifest.getLatents(),
        manifest.getFeatureRanges(),
        nonFinite,
        () -> encoders.createEncoder(file.weights(), meter),
        file.decoder().map(decoder -> () -> encoders.createDecoder(decoder)));
  }

  private static @Nullable Integer k(ActivationFunction function) {
    return function instanceof ActivationFunction.TopK topK ? topK.k() : null;
  }

  private static String name(InputNormalization normalization) {
    return normalization.name().toLowerCase(Locale.ROOT);
  }
}
