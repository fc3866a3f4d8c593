// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.topic.MockTopic;
import io.saeflow.sinks.topic.TopicReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(20)
class FeatureRecordConsumerTest {
  private static final class Recorded implements FeatureSink {
    private final List<FeatureRecord> records = new ArrayList<>();
    private boolean closed;

    @Override
    public void write(FeatureRecord record) {
      records.add(record);
    }

    @Override
    public void close() throws IOException {
      closed = true;
      throw new IOException("closing failed");
    }
  }

  @Test
  void handsEveryCompleteRecordToEverySink() throws Exception {
    FeatureRecord zero = Fixtures.twoAndFour(0).build();
    FeatureRecord one = Fixtures.dead(1).build();
    FeatureRecord two = Fixtures.dead(2).build();
    FeatureRecord early = Fixtures.dead(2).setComplete(false).build();
    List<FeatureRecord> seen = new ArrayList<>();
    List<FeatureRecord> alsoSeen = new ArrayList<>();
    FeatureRecordConsumer consumer =
        new FeatureRecordConsumer(3, List.of(seen::add, alsoSeen::add), List.of());
    try (TopicReader reader =
        new MockTopic("t", 2)
            .add(1, AvroCodec.FEATURE.encode(early))
            .add(0, AvroCodec.FEATURE.encode(one))
            .add(0, AvroCodec.FEATURE.encode(one))
            .add(0, AvroCodec.FEATURE.encode(zero))
            .add(1, AvroCodec.FEATURE.encode(two))
            .read(consumer)) {
      assertThat(reader.done().get(10, TimeUnit.SECONDS)).isNull();
    }
    assertThat(seen).containsExactlyInAnyOrder(one, one, zero, two).isEqualTo(alsoSeen);
    assertThat(consumer.written()).isEqualTo(3);
  }

  @Test
  void countsLatentsNotRecords() throws Exception {
    FeatureRecordConsumer consumer = new FeatureRecordConsumer(2, List.of(record -> {}), List.of());
    byte[] one = AvroCodec.FEATURE.encode(Fixtures.dead(1).build());
    consumer.read(0, one);
    consumer.read(0, one);
    consumer.read(0, AvroCodec.FEATURE.encode(Fixtures.dead(0).setComplete(false).build()));
    assertThat(consumer.written()).isEqualTo(1);
    assertThat(consumer.completeSequences()).isEqualTo(-1);
    consumer.read(0, AvroCodec.FEATURE.encode(Fixtures.dead(0).build()));
    assertThat(consumer.completeSequences()).isNotNegative();
  }

  @Test
  void recordsOfMoreSequencesReplaceThoseOfAnEarlierEnd() throws Exception {
    List<FeatureRecord> seen = new ArrayList<>();
    FeatureRecordConsumer consumer = new FeatureRecordConsumer(2, List.of(seen::add), List.of());
    FeatureRecord zeroOf1 = Fixtures.dead(0).build();
    FeatureRecord oneOf1 = Fixtures.dead(1).build();
    FeatureRecord zeroOf2 = Fixtures.dead(0).setSequences(2).build();
    FeatureRecord oneOf2 = Fixtures.dead(1).setSequences(2).build();
    consumer.read(0, AvroCodec.FEATURE.encode(zeroOf1));
    consumer.read(0, AvroCodec.FEATURE.encode(zeroOf2));
    consumer.read(1, AvroCodec.FEATURE.encode(oneOf1));
    assertThat(consumer.completeSequences()).isEqualTo(-1);
    consumer.read(1, AvroCodec.FEATURE.encode(oneOf2));
    assertThat(consumer.completeSequences()).isNotNegative();
    consumer.read(
        1, AvroCodec.FEATURE.encode(Fixtures.dead(1).setSequences(3).setComplete(false).build()));
    assertThat(consumer.completeSequences()).isEqualTo(-1);
    assertThat(seen).containsExactly(zeroOf1, zeroOf2, oneOf1, oneOf2);
  }

  @Test
  void closesEverySink() {
    Recorded first = new Recorded();
    Recorded second = new Recorded();
    FeatureRecordConsumer consumer =
        new FeatureRecordConsumer(1, List.of(first, second), List.of());
    assertThatThrownBy(consumer::close)
        .isInstanceOf(IOException.class)
        .hasMessage("closing failed");
    assertThat(first.closed).isTrue();
    assertThat(second.closed).isTrue();
  }

  static Stream<Arguments> malformed() {
    Example example = Fixtures.example(4, 2, 1, 0f, 1f, 0f);
    return Stream.of(
        Arguments.of(Fixtures.dead(3), "latent: 3 (expected: 0 to 2)"),
        Arguments.of(Fixtures.dead(-1), "latent: -1 (expected: 0 to 2)"),
        Arguments.of(Fixtures.dead(1).setActive(6), "latent 1: 6 of 5 tokens active"),
        Arguments.of(
            Fixtures.dead(1).setHistogramBins(List.of(1)), "latent 1: 1 histogram bins, 0 counts"),
        Arguments.of(
            Fixtures.dead(1).setTop(List.of(Example.newBuilder(example).setPosition(4).build())),
            "latent 1, sequence 4: position 4 in a window of 3 tokens and 3 activations from 1"),
        Arguments.of(
            Fixtures.dead(1).setTop(List.of(Example.newBuilder(example).setPosition(0).build())),
            "latent 1, sequence 4: position 0 in a window"),
        Arguments.of(
            Fixtures.dead(1)
                .setRandom(List.of(Example.newBuilder(example).setTokens(List.of(1, 2)).build())),
            "latent 1, sequence 4: position 2 in a window of 2 tokens and 3 activations"),
        Arguments.of(
            Fixtures.dead(1)
                .setTop(List.of(Example.newBuilder(example).setTokens(List.of(1, -2, 3)).build())),
            "latent 1, sequence 4: a negative token id (expected: none)"),
        Arguments.of(
            Fixtures.dead(1)
                .setRandom(
                    List.of(
                        Example.newBuilder(example)
                            .setActivations(Arrays.asList(0f, 1f, Float.NaN))
                            .build())),
            "latent 1, sequence 4: activation NaN (expected: finite)"),
        Arguments.of(
            Fixtures.dead(1)
                .setTop(
                    List.of(
                        Example.newBuilder(example)
                            .setActivation(Float.POSITIVE_INFINITY)
                            .build())),
            "latent 1, sequence 4: activation Infinity (expected: finite)"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void refusesARecordThatContradictsItself(FeatureRecord.Builder record, String message) {
    FeatureRecordConsumer consumer = new FeatureRecordConsumer(3, List.of(), List.of());
    byte[] bytes = AvroCodec.FEATURE.encode(record.build());
    assertThatThrownBy(() -> consumer.read(0, bytes))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageStartingWith(message);
  }

  @Test
  void refusesBytesThatAreNoRecord() {
    FeatureRecordConsumer consumer = new FeatureRecordConsumer(3, List.of(), List.of());
    assertThatThrownBy(() -> consumer.read(0, new byte[] {1, 2, 3}))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageStartingWith("Avro record: ");
  }

  @Test
  void refusesATombstone() {
    FeatureRecordConsumer consumer = new FeatureRecordConsumer(3, List.of(), List.of());
    assertThatThrownBy(() -> consumer.read(0, null))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessage("no value (expected: a record)");
  }
}
