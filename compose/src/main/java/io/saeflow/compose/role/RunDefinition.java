// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.avro.Schema;

/** What a run may go on as. */
public final class RunDefinition {
  /** Fields that may be otherwise, or not yet there, when a run goes on. */
  private static final Set<String> MAY_CHANGE = Set.of("totals", "fed", "keep", "latentSinks");

  /** What text that is appended changes. */
  private static final Set<String> CORPUS = Set.of("dataset", "datasetSha256", "maxTokens");

  private RunDefinition() {}

  /**
   * Checks that a run goes on as what it was begun as.
   *
   * @throws BadInputException naming the first field that differs
   */
  public static void requireSame(RunManifest now, RunManifest begun) {
    requireSame(now, begun, MAY_CHANGE);
  }

  /**
   * The manifest that a feed goes on with.
   *
   * @param now what the feed was given
   * @param begun what the run has been until now, if it has begun
   * @param append whether the corpus may have grown since the run was fed to its end
   * @throws BadInputException if the run cannot go on as what the feed was given
   */
  static RunManifest next(RunManifest now, Optional<RunManifest> begun, boolean append) {
    if (begun.isEmpty()) {
      if (append) {
        throw new BadInputException(
            "append: run '%s' has not begun (expected: one that was fed to its end)"
                .formatted(now.getRun()));
      }
      return now;
    }
    RunManifest before = begun.get();
    if (!append) {
      requireSame(now, before);
      return before;
    }
    Set<String> mayChange = new HashSet<>(MAY_CHANGE);
    mayChange.addAll(CORPUS);
    requireSame(now, before, mayChange);
    if (before.getFed() == null) {
      throw new BadInputException(
          "append: run '%s' is being fed (expected: one that was fed to its end)"
              .formatted(now.getRun()));
    }
    boolean grown =
        !now.getDataset().equals(before.getDataset())
            || !Objects.equals(now.getMaxTokens(), before.getMaxTokens());
    if (before.getTotals() == null && grown) {
      throw new BadInputException(
          "append: run '%s' is being fed %s (expected: the same, to go on, or that it ends first)"
              .formatted(now.getRun(), before.getDataset()));
    }
    requireBegins(now, before);
    return RunManifest.newBuilder(before)
        .setDataset(now.getDataset())
        .setDatasetSha256(now.getDatasetSha256())
        .setMaxTokens(now.getMaxTokens())
        .setTotals(null)
        .build();
  }

  /** What was fed must come first, as it was. */
  private static void requireBegins(RunManifest now, RunManifest before) {
    List<String> files = before.getDataset();
    boolean begins =
        now.getDataset().size() >= files.size()
            && now.getDataset().subList(0, files.size()).equals(files)
            && files.stream()
                .allMatch(
                    file ->
                        Objects.equals(
                            now.getDatasetSha256().get(file), before.getDatasetSha256().get(file)));
    if (!begins) {
      throw new BadInputException(
          "append: files %s (expected: first %s, as they were when they were fed, then what is new)"
              .formatted(now.getDataset(), files));
    }
  }

  private static void requireSame(RunManifest now, RunManifest begun, Set<String> mayChange) {
    if (!begun.getLatentSinks().containsAll(now.getLatentSinks())) {
      throw new BadInputException(
          "resume: sinks that read latents (expected: none, as the run began, so that latents may be gone; or --overwrite to begin anew)");
    }
    for (Schema.Field field : RunManifest.getClassSchema().getFields()) {
      Object is = now.get(field.pos());
      Object was = field.name().equals("saes") ? firstSaes(begun) : begun.get(field.pos());
      if (!mayChange.contains(field.name()) && !Objects.equals(is, was)) {
        throw new BadInputException(
            "resume: %s is %s (expected: %s, as the run began; or --overwrite to begin anew)"
                .formatted(field.name(), is, was));
      }
    }
  }

  /** Those that the run began with: others may have joined. */
  private static List<SaeManifest> firstSaes(RunManifest run) {
    return run.getSaes().stream().filter(sae -> sae.getGeneration() == 0).toList();
  }
}
