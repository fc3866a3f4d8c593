// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.schemas.feature.RunManifest;
import java.util.Objects;
import org.apache.avro.Schema;

/** Whether two manifests describe the same work. */
public final class RunDefinition {
  private RunDefinition() {}

  /**
   * A run can only go on as what it was begun as.
   *
   * @throws BadInputException naming the first field that differs
   */
  public static void requireSame(RunManifest now, RunManifest begun) {
    RunManifest before = RunManifest.newBuilder(begun).setTotals(null).setFed(null).build();
    for (Schema.Field field : RunManifest.getClassSchema().getFields()) {
      Object is = now.get(field.pos());
      Object was = before.get(field.pos());
      if (!Objects.equals(is, was)) {
        throw new BadInputException(
            "resume: %s is %s (expected: %s, as the run began; or --overwrite to begin anew)"
                .formatted(field.name(), is, was));
      }
    }
  }
}
