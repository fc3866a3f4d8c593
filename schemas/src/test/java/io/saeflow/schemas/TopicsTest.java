// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.hook.HookPoint;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TopicsTest {
  private static final Topics TOPICS = new Topics("payments");

  @Test
  void everyNameBeginsWithTheRun() {
    HookPoint hook = HookPoint.parse("resid_post_mlp/8");
    assertThat(TOPICS.tokens()).isEqualTo("payments.tokens");
    assertThat(TOPICS.activations(hook)).isEqualTo("payments.activations.blocks.8.hook_resid_post");
    assertThat(TOPICS.latents("v5_32k")).isEqualTo("payments.latents.v5_32k");
    assertThat(TOPICS.features("v5_32k")).isEqualTo("payments.features.v5_32k");
    assertThat(TOPICS.deadLetters()).isEqualTo("payments.dead-letters");
    assertThat(TOPICS.manifest()).isEqualTo("payments.manifest");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "payments.tokens",
        "payments.activations.blocks.8.hook_resid_post",
        "payments.latents.v5_32k",
        "payments.features.v5_32k",
        "payments.dead-letters",
        "payments.manifest",
        "payments.aggregate-features-v5_32k-changelog",
        "payments.aggregate.2-features-v5_32k-changelog"
      })
  void theRunsTopicsAreItsOwn(String topic) {
    assertThat(TOPICS.contains(topic)).isTrue();
  }

  /** Overwriting a run deletes its topics: never another's that happens to begin alike. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "payments",
        "payments.orders",
        "payments.tokens.v2",
        "payments2.tokens",
        "other.payments.tokens"
      })
  void anyoneElsesAreNot(String topic) {
    assertThat(TOPICS.contains(topic)).isFalse();
  }

  @Test
  void knowsTheTopicsOfFeatures() {
    assertThat(TOPICS.isFeatures("payments.features.v5_32k")).isTrue();
    assertThat(TOPICS.isFeatures("payments.latents.v5_32k")).isFalse();
    assertThat(TOPICS.isFeatures("other.features.v5_32k")).isFalse();
  }

  @Test
  void groupsOfLaterGenerationsAreTheirOwn() {
    assertThat(TOPICS.producerGroup()).isEqualTo("payments.producer");
    assertThat(TOPICS.encodeGroup(0)).isEqualTo("payments.encode");
    assertThat(TOPICS.encodeGroup(2)).isEqualTo("payments.encode.2");
    assertThat(TOPICS.aggregateGroup(0)).isEqualTo("payments.aggregate");
    assertThat(TOPICS.aggregateGroup(1)).isEqualTo("payments.aggregate.1");
    assertThat(TOPICS.sinkGroup("delphi")).isEqualTo("payments.sink.delphi");
    assertThat(
            List.of(
                TOPICS.producerGroup(),
                TOPICS.encodeGroup(0),
                TOPICS.aggregateGroup(13),
                TOPICS.sinkGroup("delphi")))
        .allMatch(TOPICS::containsGroup);
    assertThat(List.of("payments", "payments.encoders", "payments.encode.x", "pay.producer"))
        .noneMatch(TOPICS::containsGroup);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-x", "a.b", "a/b", "ä"})
  void aRunIdThatCannotNameTopicsIsRefused(String run) {
    assertThatThrownBy(() -> new Topics(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("run id: '" + run + "' (expected: ");
  }
}
