// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.schemas.feature.RunManifest;
import java.util.Objects;
import java.util.Set;
import org.apache.avro.Schema;

/** Whether two manifests describe the same work. */
public final class RunDefinition {
  /** Fields that may be otherwise, or not yet there, when a run goes on. */
  private static final Set<String> MAY_CHANGE = Set.of("totals", "fed", "keep", "latentSinks");

  private RunDefinition() {}

  /**
   * A run can only go on as what it was begun as.
   *
   * @throws BadInputException naming the first field that differs
   */
  public static void requireSame(RunManifest now, RunManifest begun) {
    if (!begun.getLatentSinks().containsAll(now.getLatentSinks())) {
      throw new BadInputException(
          "resume: sinks that read latents (expected: none, as the run began, so that latents may be gone; or --overwrite to begin anew)");
    }
    for (Schema.Field field : RunManifest.getClassSchema().getFields()) {
      Object is = now.get(field.pos());
      Object was = begun.get(field.pos());
      if (!MAY_CHANGE.contains(field.name()) && !Objects.equals(is, was)) {
        throw new BadInputException(
            "resume: %s is %s (expected: %s, as the run began; or --overwrite to begin anew)"
                .formatted(field.name(), is, was));
      }
    }
  }
}
