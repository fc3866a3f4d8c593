// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordLogTest {
  @TempDir Path folder;

  private Path file;
  private final List<byte[]> frames = new ArrayList<>();
  private final List<Long> offsets = new ArrayList<>();

  @BeforeEach
  void begin() throws IOException {
    file = Files.createFile(folder.resolve("a.records"));
  }

  @Test
  void readsEachFrameOnceWhereverTheFileEndsMeanwhile() throws Exception {
    byte[] first = bytes(3, 1);
    byte[] large = bytes(3 << 20, 2);
    byte[] last = bytes(1, 3);
    byte[] all = concatenated(framed(first), framed(large), framed(last));
    try (RecordLog log = RecordLog.open(file)) {
      int written = 0;
      for (int end :
          new int[] {2, 6, 7, 9, 500, 2 << 20, (3 << 20) + 11, all.length - 1, all.length}) {
        Files.write(file, Arrays.copyOfRange(all, written, end), StandardOpenOption.APPEND);
        written = end;
        log.poll(Long.MAX_VALUE, this::take);
        int whole = end < 7 ? 0 : end < 7 + 4 + large.length ? 1 : end < all.length ? 2 : 3;
        assertThat(frames).as("after %d bytes", end).hasSize(whole);
      }
      assertThat(frames.get(1)).isEqualTo(large);
      assertThat(offsets).containsExactly(4L, 11L, 15L + large.length);
      assertThat(log.read(15L + large.length, 1)).isEqualTo(last);
      assertThatThrownBy(() -> log.read(15L + large.length, 2)).isInstanceOf(EOFException.class);
      assertThat(log.replaced()).isFalse();
    }
  }

  @Test
  void stopsAfterAboutAsMuchAsAskedFor() throws Exception {
    byte[] frame = framed(bytes(900_000, 1));
    Files.write(file, concatenated(frame, frame, frame, frame));
    try (RecordLog log = RecordLog.open(file)) {
      assertThat(log.poll(1, this::take)).isEqualTo(1);
      assertThat(log.poll(Long.MAX_VALUE, this::take)).isEqualTo(3);
      assertThat(log.poll(Long.MAX_VALUE, this::take)).isZero();
    }
  }

  @Test
  void seesThatTheFileIsAnother() throws Exception {
    Files.write(file, framed(bytes(10, 1)));
    try (RecordLog log = RecordLog.open(file)) {
      log.poll(Long.MAX_VALUE, this::take);
      Files.delete(file);
      assertThat(log.replaced()).isFalse();
      Files.write(file, concatenated(framed(bytes(10, 1)), framed(bytes(10, 1))));
      assertThat(log.replaced()).isTrue();
    }
  }

  @Test
  void refusesLengthsThatCannotBe() throws Exception {
    Files.write(file, concatenated(framed(bytes(2, 1)), new byte[] {(byte) 255, 0, 0, 0}));
    try (RecordLog log = RecordLog.open(file)) {
      assertThatThrownBy(() -> log.poll(Long.MAX_VALUE, this::take))
          .isInstanceOf(MalformedMessageException.class)
          .hasMessageEndingWith("a.records: length -16777216 at 6 (expected: 1 to 67108864)");
      assertThat(frames).hasSize(1);
    }
  }

  @Test
  void thinsProgressEvenlyWithFirstAndLast() throws Exception {
    Path lines = folder.resolve("progress.jsonl");
    ProgressHistory history = new ProgressHistory(lines);
    assertThat(history.poll()).isEmpty();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 2345; i++) {
      text.append("{\"at\":").append(i).append("}\nnot json\n");
    }
    Files.writeString(lines, text + "{\"at\":9999}");
    assertThat(history.poll()).hasSize(2345);
    List<String> kept = history.lines();
    assertThat(kept).hasSizeBetween(250, ProgressHistory.MOST);
    assertThat(kept.get(0)).isEqualTo("{\"at\":0}");
    assertThat(kept.get(1)).isEqualTo("{\"at\":8}");
    assertThat(kept.get(2)).isEqualTo("{\"at\":16}");
    assertThat(kept.get(kept.size() - 1)).isEqualTo("{\"at\":2344}");
    assertThat(kept).doesNotHaveDuplicates();
    Files.writeString(lines, "\n", StandardOpenOption.APPEND);
    assertThat(history.poll()).containsExactly("{\"at\":9999}");
    Files.writeString(lines, "{\"at\":1}\n");
    assertThat(history.poll()).containsExactly("{\"at\":1}");
    assertThat(history.lines()).containsExactly("{\"at\":1}");
  }

  @Test
  void wantsAFile() {
    assertThatThrownBy(() -> RecordLog.open(folder.resolve("none")))
        .isInstanceOf(NoSuchFileException.class);
    assertThatThrownBy(() -> ViewFiles.records("a/b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("SAE id: 'a/b' (expected: no '/')");
  }

  private void take(long offset, byte[] bytes) {
    offsets.add(offset);
    frames.add(bytes);
  }

  private static byte[] bytes(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static byte[] framed(byte[] bytes) {
    return ByteBuffer.allocate(4 + bytes.length).putInt(bytes.length).put(bytes).array();
  }

  private static byte[] concatenated(byte[]... parts) {
    int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
    ByteBuffer all = ByteBuffer.allocate(length);
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }
}
