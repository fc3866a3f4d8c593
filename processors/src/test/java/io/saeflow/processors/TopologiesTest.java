// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.kernels.sae.CpuSaeDecoder;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.processors.aggregate.AggregateStage;
import io.saeflow.processors.aggregate.AggregateTopology;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.aggregate.TallyConfig;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.processors.encode.EncodeTopology;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.LatentMessage;
import io.saeflow.schemas.stream.TokenBatch;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The two topologies by their shape and, as far as a driver of one partition can, by behaviour. */
class TopologiesTest {
  private static final Topics TOPICS = new Topics("run");
  private static final HookPoint HOOK = HookPoint.parse("blocks.1.hook_resid_post");
  private static final LatentAggregators CPU = LatentAggregators.on(new Device.Cpu());
  private static final TallyConfig TALLY =
      new TallyConfig(2, 2, 4, 0, List.of(LabelField.parse("year:10")));

  @TempDir Path folder;

  @Test
  void encodingReadsAHookPointOnceForAllItsAutoencoders() {
    assertThat(
            EncodeTopology.build(TOPICS, List.of(stage("a", 1), stage("b", 3)))
                .describe()
                .toString())
        .isEqualTo(
            """
            Topologies:
               Sub-topology: 0
                Source: activations-blocks.1.hook_resid_post \
            (topics: [run.activations.blocks.1.hook_resid_post])
                  --> encode-a, encode-b
                Processor: encode-a (stores: [identity-a])
                  --> dead-letters-encode-a, latents-a
                  <-- activations-blocks.1.hook_resid_post
                Processor: encode-b (stores: [identity-b])
                  --> dead-letters-encode-b, latents-b
                  <-- activations-blocks.1.hook_resid_post
                Sink: dead-letters-encode-a (topic: run.dead-letters)
                  <-- encode-a
                Sink: dead-letters-encode-b (topic: run.dead-letters)
                  <-- encode-b
                Sink: latents-a (topic: run.latents.a)
                  <-- encode-a
                Sink: latents-b (topic: run.latents.b)
                  <-- encode-b

            """);
  }

  @Test
  void aggregatingIsOneSubtopologyAnAutoencoder() {
    assertThat(
            AggregateTopology.build(
                    TOPICS,
                    List.of(
                        new AggregateStage("a", 4, 2, 2, CPU),
                        new AggregateStage("b", 4, 1, 2, CPU)),
                    TALLY,
                    (sae, range, batches, tokens) -> {})
                .describe()
                .toString())
        .isEqualTo(
            """
            Topologies:
               Sub-topology: 0
                Source: latents-a (topics: [run.latents.a])
                  --> aggregate-a
                Processor: aggregate-a (stores: [features-a])
                  --> dead-letters-aggregate-a, records-a
                  <-- latents-a
                Sink: dead-letters-aggregate-a (topic: run.dead-letters)
                  <-- aggregate-a
                Sink: records-a (topic: run.features.a)
                  <-- aggregate-a

              Sub-topology: 1
                Source: latents-b (topics: [run.latents.b])
                  --> aggregate-b
                Processor: aggregate-b (stores: [features-b])
                  --> dead-letters-aggregate-b, records-b
                  <-- latents-b
                Sink: dead-letters-aggregate-b (topic: run.dead-letters)
                  <-- aggregate-b
                Sink: records-b (topic: run.features.b)
                  <-- aggregate-b

            """);
  }

  @Test
  void latentsAreSplitByFeatureRangeAndTheEndGoesToEveryRange() throws Exception {
    try (TopologyTestDriver driver = driver(EncodeTopology.build(TOPICS, List.of(stage("a", 2))))) {
      TestInputTopic<Long, byte[]> in = input(driver, TOPICS.activations(HOOK));
      TestOutputTopic<Long, byte[]> out =
          driver.createOutputTopic(
              TOPICS.latents("a"), new LongDeserializer(), new ByteArrayDeserializer());
      in.pipeInput(
          0L,
          ArrowMessages.encode(
              new ActivationBatch(batch(0), HOOK, 4, new float[] {0, 1, 2, 0, 3, 0, 0, 4})));
      assertThat(decode(out))
          .containsExactly(
              new LatentBatch(
                  batch(0),
                  "a",
                  new FeatureRange(0, 2, 4),
                  EncodingSummary.withoutDecoder(0, 4),
                  new int[] {0, 1, 2},
                  new int[] {1, 0},
                  new float[] {1, 3}),
              new LatentBatch(
                  batch(0),
                  "a",
                  new FeatureRange(1, 2, 4),
                  EncodingSummary.withoutDecoder(0, 4),
                  new int[] {0, 1, 2},
                  new int[] {2, 3},
                  new float[] {2, 4}));

      EndOfStream end = new EndOfStream("run", 1, 1, 2);
      in.pipeInput(1L, ArrowMessages.encode(end));
      assertThat(decode(out)).isNotEmpty().containsOnly(end);
    }
  }

  @Test
  void recordsOfAllFeaturesComeOutWhenEveryBatchHasBeenSeen() throws Exception {
    try (TopologyTestDriver driver = driver(aggregating())) {
      TestInputTopic<Long, byte[]> in = input(driver, TOPICS.latents("a"));
      TestOutputTopic<Integer, byte[]> out =
          driver.createOutputTopic(
              TOPICS.features("a"), new IntegerDeserializer(), new ByteArrayDeserializer());
      in.pipeInput(2L, ArrowMessages.encode(new EndOfStream("run", 2, 2, 4)));
      in.pipeInput(1L, ArrowMessages.encode(latents(1, 3, 0.5f)));
      assertThat(out.isEmpty()).isTrue();
      in.pipeInput(0L, ArrowMessages.encode(latents(0, 3, 0.25f)));
      List<FeatureRecord> records = records(out);
      assertThat(records).extracting(FeatureRecord::getLatent).containsExactly(0, 1, 2, 3);
      assertThat(records).allMatch(FeatureRecord::getComplete).allMatch(r -> r.getTokens() == 4);
      assertThat(records).extracting(FeatureRecord::getActive).containsExactly(0L, 0L, 0L, 2L);
      assertThat(records.get(3).getSum1()).isEqualTo(0.75);
      assertThat(records.get(3).getLabels())
          .containsExactly(
              new LabelCounts("year", 10.0, List.of("1790"), List.of(2L), List.of(4L)));
    }
  }

  @Test
  void recordsAreIncompleteFromAnAppendedBatchToTheNextEnd() throws Exception {
    try (TopologyTestDriver driver = driver(aggregating())) {
      TestInputTopic<Long, byte[]> in = input(driver, TOPICS.latents("a"));
      TestOutputTopic<Integer, byte[]> out =
          driver.createOutputTopic(
              TOPICS.features("a"), new IntegerDeserializer(), new ByteArrayDeserializer());
      in.pipeInput(0L, ArrowMessages.encode(latents(0, 3, 0.25f)));
      in.pipeInput(1L, ArrowMessages.encode(new EndOfStream("run", 1, 1, 2)));
      assertThat(records(out)).hasSize(4).allMatch(FeatureRecord::getComplete);

      TokenBatch appended = new TokenBatch("run", 2, 1, 2, new int[] {8, 9}, List.of(List.of()));
      in.pipeInput(
          2L,
          ArrowMessages.encode(
              new LatentBatch(
                  appended,
                  "a",
                  new FeatureRange(0, 1, 4),
                  EncodingSummary.withoutDecoder(0, 1),
                  new int[] {0, 0, 1},
                  new int[] {2},
                  new float[] {1})));
      assertThat(records(out))
          .hasSize(4)
          .noneMatch(FeatureRecord::getComplete)
          .allMatch(record -> record.getSequences() == 2);

      in.pipeInput(3L, ArrowMessages.encode(new EndOfStream("run", 3, 2, 4)));
      assertThat(records(out))
          .hasSize(4)
          .allMatch(FeatureRecord::getComplete)
          .allMatch(record -> record.getTokens() == 4);
    }
  }

  private static List<FeatureRecord> records(TestOutputTopic<Integer, byte[]> out)
      throws Exception {
    List<FeatureRecord> records = new ArrayList<>();
    for (byte[] value : out.readValuesToList()) {
      records.add(AvroCodec.FEATURE.decode(value));
    }
    return records;
  }

  @Test
  void whatCannotBeUsedGoesToDeadLettersAndTheStreamGoesOn() {
    try (TopologyTestDriver driver = driver(aggregating())) {
      TestInputTopic<Long, byte[]> in = input(driver, TOPICS.latents("a"));
      TestOutputTopic<byte[], byte[]> dead =
          driver.createOutputTopic(
              TOPICS.deadLetters(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
      byte[] garbage = "not Arrow".getBytes(StandardCharsets.UTF_8);
      in.pipeInput(0L, garbage);
      in.pipeInput(0L, ArrowMessages.encode(new EndOfStream("another", 1, 1, 1)));
      in.pipeInput(
          0L,
          ArrowMessages.encode(
              new LatentBatch(
                  new TokenBatch("run", 0, 0, 2, new int[] {8, 9}, documents("year")),
                  "a",
                  new FeatureRange(0, 1, 4),
                  EncodingSummary.withoutDecoder(0, 0),
                  new int[3],
                  new int[0],
                  new float[0])));
      in.pipeInput(
          0L,
          ArrowMessages.encode(
              new LatentBatch(
                  new TokenBatch("run", 0, 0, 1, new int[] {8, 9}, List.of(List.of(), List.of())),
                  "a",
                  new FeatureRange(0, 1, 4),
                  EncodingSummary.withoutDecoder(0, 0),
                  new int[3],
                  new int[0],
                  new float[0])));
      in.pipeInput(0L, ArrowMessages.encode(latents(0, 3, 0.25f)));
      List<TestRecord<byte[], byte[]>> records = dead.readRecordsToList();
      assertThat(records).hasSize(4);
      assertThat(records.get(0).value()).isEqualTo(garbage);
      assertThat(header(records.get(0), "topic")).isEqualTo("run.latents.a");
      assertThat(header(records.get(0), "partition")).isEqualTo("0");
      assertThat(header(records.get(0), "offset")).isEqualTo("0");
      assertThat(header(records.get(0), "reason")).startsWith("schema: header of");
      assertThat(header(records.get(1), "reason")).isEqualTo("run: 'another' (expected: 'run')");
      assertThat(header(records.get(2), "reason"))
          .startsWith("labels of a document: year (expected: a JSON object)");
      assertThat(header(records.get(3), "reason")).isEqualTo("context length: 1 (expected: 2)");
    }
  }

  @Test
  void aBatchThatIsNotFiniteIsSkippedOverOrSetAside() throws Exception {
    byte[] bad =
        ArrowMessages.encode(
            new ActivationBatch(
                batch(0), HOOK, 4, new float[] {0, 1, 2, 0, 3, Float.NaN, 0, Float.NaN}));
    byte[] good =
        ArrowMessages.encode(
            new ActivationBatch(batch(1), HOOK, 4, new float[] {1, 0, 0, 0, 0, 0, 0, 1}));
    for (NonFinitePolicy policy : NonFinitePolicy.values()) {
      try (TopologyTestDriver driver =
          driver(EncodeTopology.build(TOPICS, List.of(stage("a", 1, policy))))) {
        TestInputTopic<Long, byte[]> in = input(driver, TOPICS.activations(HOOK));
        TestOutputTopic<Long, byte[]> out =
            driver.createOutputTopic(
                TOPICS.latents("a"), new LongDeserializer(), new ByteArrayDeserializer());
        TestOutputTopic<byte[], byte[]> dead =
            driver.createOutputTopic(
                TOPICS.deadLetters(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        in.pipeInput(0L, bad);
        in.pipeInput(1L, good);
        List<LatentMessage> latents = decode(out);
        if (policy == NonFinitePolicy.SKIP) {
          assertThat(latents).extracting(LatentMessage::number).containsExactly(0L, 1L);
          LatentBatch first = (LatentBatch) latents.get(0);
          assertThat(first.summary().nonFiniteTokens()).isEqualTo(1);
          assertThat(first.latents()).containsExactly(1, 2);
          assertThat(dead.isEmpty()).isTrue();
        } else {
          assertThat(latents).extracting(LatentMessage::number).containsExactly(1L);
          TestRecord<byte[], byte[]> letter = dead.readRecord();
          assertThat(letter.value()).isEqualTo(bad);
          assertThat(header(letter, "reason"))
              .isEqualTo("batch 0: 1 tokens with activations that are not finite (policy: fail)");
          assertThat(dead.isEmpty()).isTrue();
        }
      }
    }
  }

  @Test
  void everyRangeSaysHowFarTheDecodedLatentsAreFromTheActivations() throws Exception {
    // Passes three of the four latents back, and so loses the last.
    float[] decoder = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    EncodeStage stage =
        new EncodeStage(
            "a",
            HOOK,
            4,
            4,
            2,
            NonFinitePolicy.SKIP,
            PassThrough::new,
            Optional.of(
                () ->
                    new CpuSaeDecoder(
                        new DecoderWeights(InputNormalization.NONE, decoder, new float[4]), 1)));
    try (TopologyTestDriver driver = driver(EncodeTopology.build(TOPICS, List.of(stage)))) {
      TestInputTopic<Long, byte[]> in = input(driver, TOPICS.activations(HOOK));
      TestOutputTopic<Long, byte[]> out =
          driver.createOutputTopic(
              TOPICS.latents("a"), new LongDeserializer(), new ByteArrayDeserializer());
      float[] finite = {0, 1, 1, 0, 3, 0, 0, 1};
      in.pipeInput(0L, ArrowMessages.encode(new ActivationBatch(batch(0), HOOK, 4, finite)));
      float[] half = {Float.NaN, 1, 1, 0, 0, 0, 3, 3};
      in.pipeInput(1L, ArrowMessages.encode(new ActivationBatch(batch(1), HOOK, 4, half)));
      // 1 / 10 of the second token is lost, then a half of the only one that is finite.
      BigInteger tenth = BigInteger.valueOf(Math.round(0.1 * 0x1p40));
      EncodingSummary first = new EncodingSummary(0, 4, 2, tenth);
      EncodingSummary second = new EncodingSummary(1, 2, 1, BigInteger.TWO.pow(39));
      assertThat(decode(out))
          .extracting(message -> ((LatentBatch) message).summary())
          .containsExactly(first, first, second, second);
    }
  }

  /** Counts the latents of {@link #stage} in sequences of two tokens. */
  private static Topology aggregating() {
    return AggregateTopology.build(
        TOPICS,
        List.of(new AggregateStage("a", 4, 1, 2, CPU)),
        TALLY,
        (sae, range, batches, tokens) -> {});
  }

  /** An autoencoder of four latents that passes four-wide activations through. */
  private static EncodeStage stage(String id, int ranges) {
    return stage(id, ranges, NonFinitePolicy.SKIP);
  }

  private static EncodeStage stage(String id, int ranges, NonFinitePolicy nonFinite) {
    return new EncodeStage(id, HOOK, 4, 4, ranges, nonFinite, PassThrough::new, Optional.empty());
  }

  private static TokenBatch batch(long number) {
    return new TokenBatch("run", number, number, 2, new int[] {8, 9}, documents("{\"year\":1799}"));
  }

  private static List<List<DocumentSpan>> documents(String labels) {
    return List.of(List.of(new DocumentSpan(0, 0, 0, labels)));
  }

  private static LatentBatch latents(long number, int latent, float value) {
    return new LatentBatch(
        batch(number),
        "a",
        new FeatureRange(0, 1, 4),
        EncodingSummary.withoutDecoder(0, 1),
        new int[] {0, 0, 1},
        new int[] {latent},
        new float[] {value});
  }

  private static List<LatentMessage> decode(TestOutputTopic<Long, byte[]> out) throws Exception {
    List<LatentMessage> messages = new ArrayList<>();
    for (byte[] value : out.readValuesToList()) {
      messages.add(ArrowMessages.decodeLatents(value));
    }
    return messages;
  }

  private static String header(TestRecord<byte[], byte[]> record, String key) {
    return new String(record.headers().lastHeader(key).value(), StandardCharsets.UTF_8);
  }

  private static TestInputTopic<Long, byte[]> input(TopologyTestDriver driver, String topic) {
    return driver.createInputTopic(topic, new LongSerializer(), new ByteArraySerializer());
  }

  private TopologyTestDriver driver(Topology topology) {
    Properties properties = new Properties();
    properties.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    return new TopologyTestDriver(topology, properties);
  }

  private static final class PassThrough implements SaeEncoder {
    @Override
    public SparseLatents encode(float[] activations) {
      int tokens = activations.length / 4;
      int[] offsets = new int[tokens + 1];
      List<Integer> latents = new ArrayList<>();
      int nonFinite = 0;
      for (int token = 0; token < tokens; token++) {
        List<Integer> fired = new ArrayList<>();
        boolean finite = true;
        for (int i = 4 * token; i < 4 * token + 4; i++) {
          finite &= Float.isFinite(activations[i]);
          if (activations[i] != 0) {
            fired.add(i);
          }
        }
        if (finite) {
          latents.addAll(fired);
        } else {
          nonFinite++;
        }
        offsets[token + 1] = latents.size();
      }
      float[] values = new float[latents.size()];
      for (int e = 0; e < values.length; e++) {
        values[e] = activations[latents.get(e)];
      }
      return new SparseLatents(
          nonFinite, offsets, latents.stream().mapToInt(i -> i % 4).toArray(), values);
    }

    @Override
    public void close() {}
  }
}
