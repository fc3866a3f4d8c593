// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.processors.weights.SaeFile;
import io.saeflow.processors.weights.SaeFileException;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Autoencoders for a run that was defined elsewhere. */
public final class PreparedSaes {
  private PreparedSaes() {}

  /**
   * Finds, by their SHA-256, which of a run's autoencoders the files are.
   *
   * @param paths files and folders of autoencoders
   * @return by generation, all autoencoders of each generation that the files have one of
   * @throws BadInputException if there are none, one cannot be used, is not the run's, or one of
   *     its generation is missing
   */
  public static SortedMap<Integer, List<PreparedSae>> open(List<Path> paths, RunManifest run) {
    if (paths.isEmpty()) {
      throw new BadInputException(
          "sae: missing (expected: --sae PATH, or saes in the --config file: run '%s' has encode-at %s)"
              .formatted(run.getRun(), run.getEncodeAt()));
    }
    SortedMap<Integer, List<PreparedSae>> found = new TreeMap<>();
    for (Path path : paths) {
      SaeFile file = read(path);
      List<SaeManifest> same =
          run.getSaes().stream().filter(sae -> sae.getSha256().equals(file.sha256())).toList();
      if (same.isEmpty()) {
        throw new BadInputException(
            "sae: %s is not of run '%s' (expected: one of %s, with the same SHA-256)"
                .formatted(
                    path, run.getRun(), run.getSaes().stream().map(SaeManifest::getId).toList()));
      }
      for (SaeManifest sae : same) {
        List<PreparedSae> generation =
            found.computeIfAbsent(sae.getGeneration(), g -> new ArrayList<>());
        if (generation.stream().noneMatch(other -> other.id().equals(sae.getId()))) {
          generation.add(new PreparedSae(sae, file, new EncoderMeter()));
        }
      }
    }
    found.forEach((generation, saes) -> requireWhole(generation, saes, run));
    return found;
  }

  /**
   * As {@link #open}, in a run that no autoencoder joins: all that it has, in the manifest's order.
   */
  public static List<PreparedSae> openAll(List<Path> paths, RunManifest run) {
    return open(paths, run).values().stream().flatMap(List::stream).toList();
  }

  /**
   * Reads an autoencoder that is to join a run.
   *
   * @throws BadInputException if it cannot be used, its hook point is not one of the run's, or its
   *     id or path is taken
   */
  public static SaeManifest joining(SaeConfig config, StreamConfig stream, RunManifest run) {
    for (SaeManifest sae : run.getSaes()) {
      if (sae.getId().equals(config.id()) || sae.getSaePath().equals(config.viewerPath())) {
        throw new BadInputException(
            "SAE id: '%s' or its sae-path '%s' is in run '%s' already (expected: new ones; --sae-id, --sae-path)"
                .formatted(config.id(), config.viewerPath(), run.getRun()));
      }
    }
    int last = run.getSaes().stream().mapToInt(SaeManifest::getGeneration).max().orElse(0);
    return PreparedSae.open(config, stream, last + 1, hook -> width(hook, run)).manifest();
  }

  private static int width(HookPoint hook, RunManifest run) {
    return run.getSaes().stream()
        .filter(sae -> HookPoint.parse(sae.getHook()).equals(hook))
        .mapToInt(SaeManifest::getWidth)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "hook: %s (expected: one that run '%s' reads: %s)"
                        .formatted(
                            hook,
                            run.getRun(),
                            run.getSaes().stream()
                                .map(SaeManifest::getHook)
                                .distinct()
                                .collect(Collectors.joining(", ")))));
  }

  private static SaeFile read(Path path) {
    try {
      return SaeFile.read(path);
    } catch (SaeFileException | IllegalArgumentException e) {
      throw new BadInputException("sae: %s: %s".formatted(path, e.getMessage()), e);
    }
  }

  /** Kafka Streams needs the same stages in every process of an application. */
  private static void requireWhole(int generation, List<PreparedSae> saes, RunManifest run) {
    List<String> missing = new ArrayList<>();
    for (SaeManifest sae : run.getSaes()) {
      if (sae.getGeneration() == generation
          && saes.stream().noneMatch(other -> other.id().equals(sae.getId()))) {
        missing.add(sae.getId());
      }
    }
    if (!missing.isEmpty()) {
      throw new BadInputException(
          "sae: none for %s (expected: --sae PATH for each autoencoder that began together)"
              .formatted(String.join(", ", missing)));
    }
    // Every process must build the same topology, whatever the order of its options.
    saes.sort((a, b) -> Integer.compare(position(a, run), position(b, run)));
  }

  private static int position(PreparedSae sae, RunManifest run) {
    return run.getSaes().indexOf(sae.manifest());
  }
}
