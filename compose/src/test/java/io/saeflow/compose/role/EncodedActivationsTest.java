// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.producer.publish.ActivationRecords;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

class EncodedActivationsTest {
  private static final Topics TOPICS = new Topics("run");
  private static final HookPoint RESID = HookPoint.parse("blocks.1.hook_resid_post");
  private static final HookPoint POST = HookPoint.parse("blocks.0.mlp.hook_post");
  private static final Map<String, Integer> PARTITIONS =
      Map.of("run.latents.a", 2, "run.latents.b", 1, "run.latents.c", 1);

  private int open;

  @Test
  void aMessageForEachRangeOfEachAutoencoderAtTheHookPoint() throws Exception {
    EncodedActivations output =
        output(NonFinitePolicy.SKIP, stage("a", 2), stage("b", 1), elsewhere("c"));
    assertThat(output.topics()).containsExactly("run.latents.a", "run.latents.b", "run.latents.c");
    assertThat(output.readers()).isEqualTo("run.aggregate");
    try (ActivationRecords records = output.open(PARTITIONS)) {
      assertThat(open).isEqualTo(3);
      List<ProducerRecord<byte[], byte[]>> made =
          records.of(new ActivationBatch(batch(), RESID, 4, new float[] {0, 1, 2, 0, 3, 0, 0, 4}));
      assertThat(made).hasSize(3);
      assertRecord(
          made.get(0),
          "run.latents.a",
          0,
          latents("a", new FeatureRange(0, 2, 4), new int[] {0, 1, 2}, new int[] {1, 0}, 1, 3));
      assertRecord(
          made.get(1),
          "run.latents.a",
          1,
          latents("a", new FeatureRange(1, 2, 4), new int[] {0, 1, 2}, new int[] {2, 3}, 2, 4));
      assertRecord(
          made.get(2),
          "run.latents.b",
          0,
          latents(
              "b",
              new FeatureRange(0, 1, 4),
              new int[] {0, 2, 4},
              new int[] {1, 2, 0, 3},
              1,
              2,
              3,
              4));
    }
    assertThat(open).isZero();
  }

  @Test
  void theEndGoesToEveryPartitionOnce() throws Exception {
    EndOfStream end = new EndOfStream("run", 258, 8, 32);
    try (ActivationRecords records =
        output(NonFinitePolicy.SKIP, stage("a", 2), stage("b", 1)).open(PARTITIONS)) {
      List<ProducerRecord<byte[], byte[]>> made = records.of(end);
      assertThat(made)
          .extracting(record -> record.topic() + "-" + record.partition())
          .containsExactly("run.latents.a-0", "run.latents.a-1", "run.latents.b-0");
      for (ProducerRecord<byte[], byte[]> record : made) {
        assertThat(record.key()).containsExactly(0, 0, 0, 0, 0, 0, 1, 2);
        assertThat(ArrowMessages.decodeLatents(record.value())).isEqualTo(end);
      }
    }
  }

  @Test
  void whatIsNotFiniteIsCountedOrRefused() throws Exception {
    ActivationBatch bad =
        new ActivationBatch(batch(), RESID, 4, new float[] {0, 1, 2, 0, Float.NaN, 0, 0, 4});
    try (ActivationRecords records = output(NonFinitePolicy.SKIP, stage("b", 1)).open(PARTITIONS)) {
      LatentBatch latents =
          (LatentBatch) ArrowMessages.decodeLatents(records.of(bad).get(0).value());
      assertThat(latents.summary().nonFiniteTokens()).isEqualTo(1);
      assertThat(latents.latents()).containsExactly(1, 2);
    }
    try (ActivationRecords records = output(NonFinitePolicy.FAIL, stage("b", 1)).open(PARTITIONS)) {
      assertThatThrownBy(() -> records.of(bad))
          .isInstanceOf(MalformedMessageException.class)
          .hasMessage("batch 7: 1 tokens with activations that are not finite (policy: fail)");
    }
  }

  @Test
  void anEncoderThatCannotBeOpenedLeavesNoneOpen() {
    EncodeStage broken =
        new EncodeStage(
            "b",
            RESID,
            4,
            4,
            1,
            NonFinitePolicy.SKIP,
            () -> {
              throw new IllegalStateException("no memory");
            },
            Optional.empty());
    EncodedActivations output =
        new EncodedActivations(TOPICS, List.of(stage("a", 2).with(NonFinitePolicy.SKIP), broken));
    assertThatThrownBy(() -> output.open(PARTITIONS)).hasMessage("no memory");
    assertThat(open).isZero();
  }

  private interface Stage {
    EncodeStage with(NonFinitePolicy nonFinite);
  }

  private Stage stage(String id, int ranges) {
    return nonFinite ->
        new EncodeStage(id, RESID, 4, 4, ranges, nonFinite, PassThrough::new, Optional.empty());
  }

  private Stage elsewhere(String id) {
    return nonFinite ->
        new EncodeStage(id, POST, 4, 4, 1, nonFinite, PassThrough::new, Optional.empty());
  }

  private static EncodedActivations output(NonFinitePolicy nonFinite, Stage... stages) {
    return new EncodedActivations(
        TOPICS, List.of(stages).stream().map(stage -> stage.with(nonFinite)).toList());
  }

  private static void assertRecord(
      ProducerRecord<byte[], byte[]> record, String topic, int partition, LatentBatch expected)
      throws Exception {
    assertThat(record.topic()).isEqualTo(topic);
    assertThat(record.partition()).isEqualTo(partition);
    assertThat(record.key()).containsExactly(0, 0, 0, 0, 0, 0, 0, 7);
    assertThat(ArrowMessages.decodeLatents(record.value())).isEqualTo(expected);
  }

  private static TokenBatch batch() {
    return new TokenBatch("run", 7, 7, 2, new int[] {8, 9}, List.of(List.of()));
  }

  private static LatentBatch latents(
      String sae, FeatureRange range, int[] offsets, int[] latents, float... values) {
    return new LatentBatch(
        batch(), sae, range, EncodingSummary.withoutDecoder(0, 4), offsets, latents, values);
  }

  /** Four latents that are the four activations. */
  private final class PassThrough implements SaeEncoder {
    PassThrough() {
      open++;
    }

    @Override
    public SparseLatents encode(float[] activations) {
      int tokens = activations.length / 4;
      int[] offsets = new int[tokens + 1];
      int[] latents = new int[activations.length];
      float[] values = new float[activations.length];
      int count = 0;
      int nonFinite = 0;
      for (int t = 0; t < tokens; t++) {
        float sum = 0;
        for (int i = 0; i < 4; i++) {
          sum += activations[4 * t + i];
        }
        if (!Float.isFinite(sum)) {
          nonFinite++;
        }
        for (int i = 0; i < 4 && Float.isFinite(sum); i++) {
          if (activations[4 * t + i] != 0) {
            latents[count] = i;
            values[count++] = activations[4 * t + i];
          }
        }
        offsets[t + 1] = count;
      }
      return new SparseLatents(
          nonFinite, offsets, Arrays.copyOf(latents, count), Arrays.copyOf(values, count));
    }

    @Override
    public void close() {
      open--;
    }
  }
}
