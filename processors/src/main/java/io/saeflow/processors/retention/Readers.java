// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.retention;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Which consumer groups have to be done with a topic's record before it can go. */
final class Readers {
  private Readers() {}

  /** The groups of each topic that is not kept whole. */
  static Map<String, Set<String>> of(Topics topics, RunManifest manifest) {
    Map<String, Set<String>> readers = new HashMap<>();
    for (SaeManifest sae : manifest.getSaes()) {
      if (manifest.getEncodeAt().equals("process") && !manifest.getKeep().contains("activations")) {
        readers
            .computeIfAbsent(
                topics.activations(HookPoint.parse(sae.getHook())), topic -> new HashSet<>())
            .add(topics.encodeGroup(sae.getGeneration()));
      }
      if (!manifest.getKeep().contains("latents")) {
        Set<String> groups = new HashSet<>();
        groups.add(topics.aggregateGroup(sae.getGeneration()));
        manifest.getLatentSinks().forEach(sink -> groups.add(topics.sinkGroup(sink)));
        readers.put(topics.latents(sae.getId()), groups);
      }
    }
    return readers;
  }
}
