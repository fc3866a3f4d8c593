// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NumpyFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tokens-i2",
        "tokens-u2",
        "tokens-i4",
        "tokens-i8",
        "tokens-u4",
        "version2",
        "version3"
      })
  void readsRowsOfTokens(String name) throws Exception {
    try (NumpyFile file = NumpyFile.open(Fixtures.path(name + ".npy"))) {
      assertThat(file.rows()).isEqualTo(3);
      assertThat(file.columns()).isEqualTo(4);
      assertThat(file.row(2)).containsExactly(8000, 9000, 10000, 11000);
      assertThat(file.row(0)).containsExactly(0, 1000, 2000, 3000);
      assertThatThrownBy(() -> file.row(3)).hasMessage("row: 3 (expected: below 3)");
    }
  }

  @Test
  void readsBytes() throws Exception {
    try (NumpyFile file = NumpyFile.open(Fixtures.path("tokens-i1.npy"))) {
      assertThat(file.row(1)).containsExactly(32, 8, 112, 88); // 1000 (4 + i) mod 128
    }
  }

  @Test
  void readsWholeArrays() throws Exception {
    for (String name : new String[] {"f4.npy", "f8.npy"}) {
      try (NumpyFile file = NumpyFile.open(Fixtures.path(name))) {
        assertThat(file.shape()).containsExactly(6L);
        assertThat(file.floats()).containsExactly(Fixtures.ramp(6));
        assertThatThrownBy(file::rows)
            .hasMessageContaining("[6] (expected: a matrix of integers, rows by columns)");
        assertThatThrownBy(file::longs).hasMessageContaining("(expected: an integer dtype)");
      }
    }
    try (NumpyFile file = NumpyFile.open(Fixtures.path("wide.npy"))) {
      assertThat(file.longs()).containsExactly(1, 2, 3, 1L << 31);
      assertThatThrownBy(file::floats).hasMessageContaining("(expected: a floating point dtype)");
    }
  }

  @Test
  void refusesATokenThatIsNoInt() throws Exception {
    try (NumpyFile file = NumpyFile.open(Fixtures.path("wide.npy"))) {
      assertThat(file.row(0)).containsExactly(1, 2);
      assertThatThrownBy(() -> file.row(1))
          .isInstanceOf(TensorFileException.class)
          .hasMessage("wide.npy: row 1, column 1: 2147483648 (expected: a 32-bit integer)");
    }
  }

  @Test
  void readsAMatrixWithoutRows() throws Exception {
    try (NumpyFile file = NumpyFile.open(Fixtures.path("no-rows.npy"))) {
      assertThat(file.rows()).isZero();
      assertThat(file.columns()).isEqualTo(4);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          fortran.npy;fortran_order: True (expected: False)
          big-endian.npy;dtype '>i4' (expected one of [
          complex.npy;dtype '<c8' (expected one of [
          object.npy;dtype '|O' (expected one of [
          structured.npy;header {'descr': [('a', '<i4')]
          tensors.safetensors;no NumPy header (expected: a .npy file)
          """)
  void refusesOtherArrays(String name, String message) throws Exception {
    assertThatThrownBy(() -> NumpyFile.open(Fixtures.path(name)))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith(name + ": ")
        .hasMessageContaining(message);
  }

  @Test
  void refusesEveryOtherLength() throws Exception {
    byte[] whole = Files.readAllBytes(Fixtures.path("tokens-i4.npy"));
    for (int length = 0; length <= whole.length + 1; length++) {
      Path path = Files.write(folder.resolve("a.npy"), Arrays.copyOf(whole, length));
      if (length != whole.length) {
        assertThatThrownBy(() -> NumpyFile.open(path).close())
            .as("%d bytes", length)
            .isInstanceOf(TensorFileException.class);
      }
    }
    Path path = Files.write(folder.resolve("a.npy"), Arrays.copyOf(whole, whole.length - 1));
    assertThatThrownBy(() -> NumpyFile.open(path))
        .hasMessage("a.npy: 47 bytes of data (expected: 48 for I32 [3, 4])");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'descr': '<i4', 'fortran_order': False}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1), 'more': True}",
        "{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<i4', 'fortran_order': 0, 'shape': (1, 1)}",
        "{'descr': '<i4' 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (-1, 1)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1)",
        "{}",
        "",
        "__import__('os')"
      })
  void refusesAnyOtherHeader(String header) throws Exception {
    Path path = write(header, new byte[4]);
    assertThatThrownBy(() -> NumpyFile.open(path))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith("a.npy: header " + header)
        .hasMessageContaining("(expected: {'descr':");
  }

  @ParameterizedTest
  @ValueSource(strings = {"(4294967296, 4294967296)", "(99999999999999999999,)", "(1 1,)"})
  void refusesAHugeShape(String shape) throws Exception {
    Path path =
        write("{'descr': '<i4', 'fortran_order': False, 'shape': " + shape + ", }", new byte[4]);
    assertThatThrownBy(() -> NumpyFile.open(path)).isInstanceOf(TensorFileException.class);
  }

  @Test
  void acceptsTheKeysInAnyOrder() throws Exception {
    Path path =
        write(
            "{'shape': (1, 1,), 'fortran_order': False , 'descr': '<i4'}", new byte[] {7, 0, 0, 0});
    try (NumpyFile file = NumpyFile.open(path)) {
      assertThat(file.row(0)).containsExactly(7);
    }
  }

  private Path write(String header, byte[] data) throws Exception {
    byte[] text = header.getBytes(StandardCharsets.US_ASCII);
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1);
    bytes.put((byte) 0).putShort((short) text.length).put(text).put(data);
    return Files.write(folder.resolve("a.npy"), bytes.array());
  }
}
