// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.retention;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReadersTest {
  private static final Topics TOPICS = new Topics("r");
  private static final String HOOK_1 = "r.activations.blocks.1.hook_resid_post";
  private static final String HOOK_2 = "r.activations.blocks.2.hook_resid_post";

  @Test
  void everyGroupThatReadsATopicMustHaveIt() {
    assertThat(Readers.of(TOPICS, manifest(List.of(), List.of("delphi", "other"))))
        .isEqualTo(
            Map.of(
                HOOK_1,
                Set.of("r.encode", "r.encode.2"),
                HOOK_2,
                Set.of("r.encode"),
                "r.latents.a",
                Set.of("r.aggregate", "r.sink.delphi", "r.sink.other"),
                "r.latents.b",
                Set.of("r.aggregate", "r.sink.delphi", "r.sink.other"),
                "r.latents.late",
                Set.of("r.aggregate.2", "r.sink.delphi", "r.sink.other")));
  }

  @Test
  void whatIsKeptHasNoReaders() {
    assertThat(Readers.of(TOPICS, manifest(List.of("activations"), List.of())))
        .isEqualTo(
            Map.of(
                "r.latents.a", Set.of("r.aggregate"),
                "r.latents.b", Set.of("r.aggregate"),
                "r.latents.late", Set.of("r.aggregate.2")));
    assertThat(Readers.of(TOPICS, manifest(List.of("latents"), List.of())))
        .containsOnlyKeys(HOOK_1, HOOK_2);
    assertThat(Readers.of(TOPICS, manifest(List.of("latents", "activations"), List.of())))
        .isEmpty();
  }

  @Test
  void nobodyReadsActivationsThatAreEncodedWhereTheModelRuns() {
    RunManifest manifest = manifest(List.of(), List.of("delphi"));
    manifest.put("encodeAt", "producer");
    assertThat(Readers.of(TOPICS, manifest))
        .containsOnlyKeys("r.latents.a", "r.latents.b", "r.latents.late");
  }

  /** Two autoencoders from the beginning, and one that joined later on the first one's hook. */
  private static RunManifest manifest(List<String> keep, List<String> latentSinks) {
    RunManifest manifest = new RunManifest();
    manifest.put("encodeAt", "process");
    manifest.put("keep", keep);
    manifest.put("latentSinks", latentSinks);
    manifest.put(
        "saes",
        List.of(
            sae("a", "blocks.1.hook_resid_post", 0),
            sae("b", "resid_post_mlp/2", 0),
            sae("late", "resid_post_mlp/1", 2)));
    return manifest;
  }

  private static SaeManifest sae(String id, String hook, int generation) {
    SaeManifest sae = new SaeManifest();
    sae.put("id", id);
    sae.put("hook", hook);
    sae.put("generation", generation);
    return sae;
  }
}
