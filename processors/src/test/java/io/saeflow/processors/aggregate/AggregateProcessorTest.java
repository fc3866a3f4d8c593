// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When records go out. The driver commits after every message. */
class AggregateProcessorTest {
  private static final Topics TOPICS = new Topics("run");

  @TempDir Path folder;

  private long now;

  @Test
  void changedRecordsGoOutAtTheClocksPaceAndAllAtTheEnd() throws Exception {
    Properties properties = new Properties();
    properties.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    AggregateStage stage = new AggregateStage("a", 4, 1, 2, LatentAggregators.on(new Device.Cpu()));
    try (TopologyTestDriver driver =
        new TopologyTestDriver(
            AggregateTopology.build(
                TOPICS,
                List.of(stage),
                new TallyConfig(2, 2, 4, 0, List.of()),
                (sae, range, batches, tokens) -> {},
                () -> now),
            properties)) {
      TestInputTopic<Long, byte[]> in =
          driver.createInputTopic(
              TOPICS.latents("a"), new LongSerializer(), new ByteArraySerializer());
      TestOutputTopic<Integer, byte[]> out =
          driver.createOutputTopic(
              TOPICS.features("a"), new IntegerDeserializer(), new ByteArrayDeserializer());
      for (long number = 0; number < 15; number++) {
        in.pipeInput(number, batch(number, 3));
      }
      assertThat(out.isEmpty()).isTrue();
      in.pipeInput(15L, batch(15, 3));
      assertThat(records(out))
          .as("what was sent before the start is not known")
          .extracting(FeatureRecord::getLatent)
          .containsExactly(0, 1, 2, 3);

      for (long number = 16; number < 19; number++) {
        in.pipeInput(number, batch(number, 1));
      }
      now += Duration.ofMillis(9_999).toNanos();
      in.pipeInput(19L, batch(19, 2));
      assertThat(out.isEmpty()).isTrue();
      now += Duration.ofMillis(1).toNanos();
      in.pipeInput(20L, batch(20, 2));
      List<FeatureRecord> changed = records(out);
      assertThat(changed).extracting(FeatureRecord::getLatent).containsExactly(1, 2);
      assertThat(changed).noneMatch(FeatureRecord::getComplete);
      assertThat(changed).extracting(FeatureRecord::getActive).containsExactly(3L, 2L);

      in.pipeInput(21L, ArrowMessages.encode(new EndOfStream("run", 21, 21, 42)));
      assertThat(records(out))
          .as("the end waits for no clock")
          .hasSize(4)
          .allMatch(FeatureRecord::getComplete)
          .extracting(FeatureRecord::getActive)
          .containsExactly(0L, 3L, 2L, 16L);
    }
  }

  /** One sequence of two tokens; on the second the latent fires. */
  private static byte[] batch(long number, int latent) {
    return ArrowMessages.encode(
        new LatentBatch(
            new TokenBatch("run", number, number, 2, new int[] {8, 9}, List.of(List.of())),
            "a",
            new FeatureRange(0, 1, 4),
            EncodingSummary.withoutDecoder(0, 1),
            new int[] {0, 0, 1},
            new int[] {latent},
            new float[] {0.5f}));
  }

  private static List<FeatureRecord> records(TestOutputTopic<Integer, byte[]> out)
      throws Exception {
    List<FeatureRecord> records = new ArrayList<>();
    for (byte[] value : out.readValuesToList()) {
      records.add(AvroCodec.FEATURE.decode(value));
    }
    return records;
  }
}
