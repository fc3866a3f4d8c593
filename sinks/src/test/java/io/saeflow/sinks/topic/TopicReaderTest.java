// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class TopicReaderTest {
  /** Complete after so many messages; a first byte of 0 is malformed, of 1 a full disk. */
  private static final class Recorded implements TopicContents {
    private final List<String> messages = new ArrayList<>();
    private final int expected;
    private boolean closed;

    Recorded(int expected) {
      this.expected = expected;
    }

    @Override
    public void read(int partition, byte[] value) throws IOException, MalformedMessageException {
      switch (value[0]) {
        case 0 -> throw new MalformedMessageException("k: -1 (expected: >= 1)");
        case 1 -> throw new IOException("disk full");
        case 2 -> throw new ArithmeticException("by zero");
        default -> messages.add(partition + ":" + value[0]);
      }
    }

    @Override
    public long completeSequences() {
      return messages.size() >= expected ? messages.size() : INCOMPLETE;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  @Test
  void readsAllPartitionsFromTheirBeginningUntilComplete() throws Exception {
    MockTopic topic = new MockTopic("t", 2).add(0, new byte[] {5}).add(1, new byte[] {6});
    topic.add(0, new byte[] {7});
    Recorded contents = new Recorded(3);
    try (TopicReader reader = topic.read(contents)) {
      assertThat(reader.done().get(10, TimeUnit.SECONDS)).isNull();
    }
    assertThat(contents.messages).containsExactlyInAnyOrder("0:5", "1:6", "0:7");
    assertThat(contents.messages).containsSubsequence("0:5", "0:7");
    assertThat(contents.closed).isTrue();
    assertThat(topic.consumer().closed()).isTrue();
  }

  @Test
  void aMessageThatCannotBeUsedIsSetAsideAndReadingGoesOn() throws Exception {
    Recorded contents = new Recorded(2);
    List<String> setAside = new ArrayList<>();
    try (TopicReader reader =
        new MockTopic("run.features.a", 2)
            .add(1, new byte[] {5})
            .add(1, new byte[] {0})
            .add(1, new byte[] {6})
            .read(
                contents,
                sequences -> true,
                (message, reason) ->
                    setAside.add(
                        "%s-%d@%d: %s"
                            .formatted(
                                message.topic(), message.partition(), message.offset(), reason)))) {
      assertThat(reader.done().get(10, TimeUnit.SECONDS)).isNull();
    }
    assertThat(contents.messages).containsExactly("1:5", "1:6");
    assertThat(setAside).containsExactly("run.features.a-1@1: k: -1 (expected: >= 1)");
  }

  @Test
  void failuresOfTheContentsSurfaceWithTheirPlace() {
    try (TopicReader reader = new MockTopic("t", 1).add(0, new byte[] {1}).read(new Recorded(1))) {
      assertThatThrownBy(() -> reader.done().get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(IOException.class)
          .hasMessage("t-0@0: disk full");
    }
    try (TopicReader reader = new MockTopic("t", 1).add(0, new byte[] {2}).read(new Recorded(1))) {
      assertThatThrownBy(() -> reader.done().get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("t-0@0: ")
          .hasRootCauseInstanceOf(ArithmeticException.class);
    }
  }

  @Test
  void failuresOfTheConsumerSurface() {
    MockTopic topic = new MockTopic("t", 1);
    topic
        .consumer()
        .schedulePollTask(
            () -> topic.consumer().setPollException(new AuthorizationException("no")));
    try (TopicReader reader = topic.read(new Recorded(1))) {
      assertThatThrownBy(() -> reader.done().get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(AuthorizationException.class);
    }
  }

  @Test
  void refusesATopicWithOtherPartitions() {
    MockTopic topic = new MockTopic("t", 2);
    Node[] nodes = {};
    topic
        .consumer()
        .updatePartitions("t", List.of(new PartitionInfo("t", 0, Node.noNode(), nodes, nodes)));
    try (TopicReader reader = topic.read(new Recorded(1))) {
      assertThatThrownBy(() -> reader.done().get(10, TimeUnit.SECONDS))
          .cause()
          .hasMessage("partitions of t: 1 (expected: 2)");
    }
  }

  /** Begins at 3 and 1, and remembers what was saved. */
  private static final class Durable implements DurableContents {
    private final Recorded contents;
    private final List<String> calls = new ArrayList<>();

    Durable(int expected) {
      this.contents = new Recorded(expected);
    }

    @Override
    public long[] begin() {
      return new long[] {3, 1};
    }

    @Override
    public void save(long[] offsets) {
      calls.add("save " + Arrays.toString(offsets) + " after " + contents.messages.size());
    }

    @Override
    public void read(int partition, byte[] value) throws IOException, MalformedMessageException {
      contents.read(partition, value);
    }

    @Override
    public long completeSequences() {
      return contents.completeSequences();
    }

    @Override
    public void close() {
      calls.add("close");
    }
  }

  private static MockTopic fiveAndTwo() {
    MockTopic topic = new MockTopic("t", 2);
    for (int i = 0; i < 5; i++) {
      topic.add(0, new byte[] {(byte) (10 + i)});
    }
    return topic.add(1, new byte[] {20}).add(1, new byte[] {21});
  }

  @Test
  void durableContentsGoOnWhereTheyWereSavedAndAreCommittedAfterTheNextSave() throws Exception {
    MockTopic topic = fiveAndTwo();
    Durable contents = new Durable(3);
    try (TopicReader reader = topic.read(contents)) {
      assertThat(reader.done().get(10, TimeUnit.SECONDS)).isNull();
    }
    assertThat(contents.contents.messages).containsExactlyInAnyOrder("0:13", "0:14", "1:21");
    assertThat(contents.calls).endsWith("save [5, 2] after 3", "close");
    assertThat(topic.committed()).isEqualTo(Map.of(0, 5L, 1, 2L));
  }

  @Test
  void closingSavesAndCommitsWhatWasRead() throws Exception {
    MockTopic topic = fiveAndTwo();
    Durable contents = new Durable(99);
    TopicReader reader = topic.read(contents);
    for (int i = 0; i < 1000 && contents.contents.messages.size() < 3; i++) {
      Thread.sleep(10);
    }
    reader.close();
    assertThat(reader.done()).isCancelled();
    assertThat(contents.calls).endsWith("save [5, 2] after 3", "close");
    assertThat(topic.committed()).isEqualTo(Map.of(0, 5L, 1, 2L));
  }

  @Test
  void nothingIsSavedAfterAFailure() {
    MockTopic topic = fiveAndTwo().add(1, new byte[] {1});
    Durable contents = new Durable(99);
    try (TopicReader reader = topic.read(contents)) {
      assertThatThrownBy(() -> reader.done().get(10, TimeUnit.SECONDS))
          .cause()
          .hasMessage("t-1@2: disk full");
    }
    assertThat(contents.calls).containsExactly("close");
    assertThat(topic.committed()).isEqualTo(Map.of(0, 3L, 1, 1L));
  }

  @Test
  void messagesThatAreDeletedBeforeTheyWereReadAreMissed() {
    MockTopic topic = fiveAndTwo().deleteBelow(0, 4);
    try (TopicReader reader = topic.read(new Durable(3))) {
      assertThatThrownBy(() -> reader.done().get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "t-0: begins at 4 (expected: at most 3, up to where this sink has read; --keep latents, or a sink started before the run, avoids it)");
    }
  }

  @Test
  void closingEndsTheThreadAndCancels() {
    Recorded contents = new Recorded(1);
    MockTopic topic = new MockTopic("t", 1);
    TopicReader reader = topic.read(contents);
    reader.close();
    assertThatThrownBy(() -> reader.done().join()).isInstanceOf(CancellationException.class);
    assertThat(reader.done()).isCancelled();
    assertThat(contents.closed).isTrue();
    assertThat(topic.consumer().closed()).isTrue();
    assertThat(topic.consumer().assignment()).isSubsetOf(new TopicPartition("t", 0));
  }

  @Test
  void readsCommittedMessagesInItsGroupWhateverIsAsked() {
    Map<String, Object> properties =
        TopicReader.properties(
            Map.of(
                "bootstrap.servers", "a:1",
                "security.protocol", "SSL",
                "group.id", "g",
                "isolation.level", "read_uncommitted",
                "max.poll.records", 3),
            "run.sink.sink",
            "t");
    assertThat(properties)
        .containsEntry("bootstrap.servers", "a:1")
        .containsEntry("security.protocol", "SSL")
        .containsEntry("isolation.level", "read_committed")
        .containsEntry("auto.offset.reset", "none")
        .containsEntry("enable.auto.commit", false)
        .containsEntry("fetch.max.bytes", 16 << 20)
        .containsEntry("max.partition.fetch.bytes", 16 << 20)
        .containsEntry("max.poll.records", 3)
        .containsEntry("group.id", "run.sink.sink");
  }
}
