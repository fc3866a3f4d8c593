// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.TokenBatch;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenMatrixTest {
  @TempDir Path directory;

  @Test
  void takesRowsAsSequences() throws Exception {
    Path file = write("<u2", "(3, 2)", 1, 2, 3, 65535, 5, 6);
    try (TokenBatches batches =
        new TokenBatches("run", TokenMatrix.open(file), 2, 65536, TokenBatches.ALL_TOKENS)) {
      TokenBatch first = batches.next();
      assertThat(first).isNotNull();
      assertThat(first.tokens()).containsExactly(1, 2, 3, 65535);
      assertThat(first.documents())
          .containsExactly(
              List.of(new DocumentSpan(0, 0, 0, "{}")), List.of(new DocumentSpan(0, 1, 0, "{}")));
      TokenBatch second = batches.next();
      assertThat(second).isNotNull();
      assertThat(second.tokens()).containsExactly(5, 6);
      assertThat(batches.next()).isNull();
      assertThat(batches.end()).isEqualTo(new EndOfStream("run", 2, 3, 6));
      assertThat(batches.documents()).isEqualTo(3);
    }
  }

  @Test
  void namesThePlaceOfATokenOutsideTheVocabulary() throws Exception {
    Path file = write("<u2", "(2, 3)", 1, 2, 3, 4, 50300, 6);
    try (TokenBatches batches =
        new TokenBatches("run", TokenMatrix.open(file), 2, 50257, TokenBatches.ALL_TOKENS)) {
      assertThatThrownBy(batches::next)
          .isInstanceOf(CorpusException.class)
          .hasMessage(
              "token id 50300 at row 1, position 1 of tokens.npy (expected: below the vocabulary size 50257)");
    }
  }

  @Test
  void refusesWhatIsNoMatrixOfIntegers() throws Exception {
    Path flat = write("<u2", "(4,)", 1, 2, 3, 4);
    assertThatThrownBy(() -> TokenMatrix.open(flat))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("tokens.npy");
    Path halves = write("<f2", "(2, 2)", 1, 2, 3, 4);
    assertThatThrownBy(() -> TokenMatrix.open(halves))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("tokens.npy");
    Path missing = directory.resolve("missing.npy");
    assertThatThrownBy(() -> TokenMatrix.open(missing))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("missing.npy");
  }

  @Test
  void refusesAMatrixWithoutRows() throws Exception {
    Path file = write("<u2", "(0, 3)");
    try (TokenBatches batches =
        new TokenBatches("run", TokenMatrix.open(file), 2, 10, TokenBatches.ALL_TOKENS)) {
      assertThatThrownBy(batches::next)
          .isInstanceOf(CorpusException.class)
          .hasMessageStartingWith("tokens.npy: less than one sequence of 3 tokens");
    }
  }

  /** A NumPy file, format version 1.0, of 16-bit values. */
  private Path write(String dtype, String shape, int... values) throws IOException {
    String header =
        "{'descr': '%s', 'fortran_order': False, 'shape': %s, }".formatted(dtype, shape);
    header += " ".repeat(64 - (10 + header.length() + 1) % 64) + "\n";
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    bytes.write(header.length() & 255);
    bytes.write(header.length() >> 8);
    bytes.write(header.getBytes(StandardCharsets.US_ASCII));
    ByteBuffer data = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int value : values) {
      data.putShort((short) value);
    }
    bytes.write(data.array());
    return Files.write(directory.resolve("tokens.npy"), bytes.toByteArray());
  }
}
