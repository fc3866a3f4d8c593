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
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {
  @TempDir Path folder;

  @Test
  void readsWhatPythonWrote() throws Exception {
    try (Safetensors file = Safetensors.open(Fixtures.path("tensors.safetensors"))) {
      assertThat(file.names())
          .containsExactlyInAnyOrder(
              "f32", "f16", "bf16", "f64", "i64", "i32", "i16", "i8", "u8", "u16", "u32", "bool",
              "scalar", "empty", "größe");
      assertThat(file.metadata()).isEqualTo(Map.of("format", "pt"));
      for (String name : List.of("f32", "f16", "bf16", "f64")) {
        assertThat(file.shape(name)).containsExactly(2L, 3L);
        assertThat(file.floats(name)).as(name).containsExactly(Fixtures.ramp(6));
      }
      assertThat(file.dtype("bf16")).isEqualTo(Dtype.BF16);
      assertThat(file.longs("i64")).containsExactly(1, -2, 1L << 40);
      for (String name : List.of("i32", "i16", "i8")) {
        assertThat(file.longs(name)).as(name).containsExactly(1, -2);
      }
      assertThat(file.longs("u8")).containsExactly(1, 254);
      assertThat(file.longs("u16")).containsExactly(1, 65534);
      assertThat(file.longs("u32")).containsExactly(1, (1L << 32) - 2);
      assertThat(file.longs("bool")).containsExactly(1, 0);
      assertThat(file.shape("scalar")).isEmpty();
      assertThat(file.floats("scalar")).containsExactly(2.5f);
      assertThat(file.shape("empty")).containsExactly(0L, 3L);
      assertThat(file.floats("empty")).isEmpty();
      assertThat(file.floats("größe")).containsExactly(Fixtures.ramp(2));
    }
  }

  @Test
  void readsATensorLongerThanAChunk() throws Exception {
    int count = 700_001; // three chunks of F32
    float[] values = new float[count];
    ByteBuffer data = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      values[i] = i;
      data.putFloat(i);
    }
    Path path =
        write(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[700001],\"data_offsets\":[0,2800004]}}",
            data.array());
    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.floats("a")).isEqualTo(values);
    }
  }

  @Test
  void asksForAnotherTensorOrKind() throws Exception {
    try (Safetensors file = Safetensors.open(Fixtures.path("tensors.safetensors"))) {
      assertThatThrownBy(() -> file.floats("nope"))
          .isInstanceOf(TensorFileException.class)
          .hasMessageStartingWith("tensors.safetensors: tensor 'nope' (expected one of ")
          .hasMessageEndingWith(", ... 15 in all)");
      assertThatThrownBy(() -> file.floats("i32"))
          .hasMessage(
              "tensors.safetensors: tensor 'i32': dtype I32 (expected: F32, F16, BF16 or F64)");
      assertThatThrownBy(() -> file.longs("f16"))
          .hasMessage("tensors.safetensors: tensor 'f16': dtype F16 (expected: an integer dtype)");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}|tensor 'a': 4 bytes (expected: 8 for F32 [2])
          {"a":{"dtype":"F33","shape":[1],"data_offsets":[0,8]}}|tensor 'a': dtype 'F33' (expected one of
          {"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}|tensor 'a': shape: [-2] (expected: none < 0)
          {"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}|(expected: < 2^63 values)
          {"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}|(expected: < 2^63 bytes)
          {"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}|header: Numeric value
          {"a":{"dtype":"F32","shape":[1.0,2],"data_offsets":[0,8]}}|tensor 'a': VALUE_NUMBER_FLOAT (expected: VALUE_NUMBER_INT)
          {"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}|data_offsets [8, 0] (expected: 0 <= begin <= end)
          {"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}|data_offsets [-8, 0] (expected: 0 <= begin <= end)
          {"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}|tensor 'a' (expected: dtype, shape and two data_offsets)
          {"a":{"dtype":"F32","shape":[2]}}|tensor 'a' (expected: dtype, shape and two data_offsets)
          {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}|tensor 'b': begins at 0 (expected: 4, where the one before it ends)
          {"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}|tensor 'a': begins at 4 (expected: 0, where the one before it ends)
          {"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}|tensor 'b': begins at 4 (expected: 3,
          {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}|8 bytes of tensors (expected: 4, as the header declares)
          {"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}|8 bytes of tensors (expected: 12, as the header declares)
          {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}|header: Duplicate field 'a'
          {"a":{"dtype":"F32","dtype":"U8","shape":[2],"data_offsets":[0,8]}}|header: Duplicate field 'dtype'
          {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x|header: Unrecognized token 'x'
          {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}{}|header: text after its object
          {"__metadata__":{"k":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}|__metadata__: VALUE_NUMBER_INT (expected: VALUE_STRING)
          {"a":[[[[[[[[[[[]]]]]]]]]]]}|tensor 'a': START_ARRAY (expected: START_OBJECT)
          {"a":{"x":[[[[[[[[[[[]]]]]]]]]]]}}|header: Document nesting depth
          []|the header: START_ARRAY (expected: START_OBJECT)
          {"a":|header: Unexpected end-of-input
          """)
  void refusesABrokenHeader(String header, String message) throws Exception {
    Path path = write(header, new byte[8]);
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith("model.safetensors: ")
        .hasMessageContaining(message);
  }

  @Test
  void anEmptyTensorMayLieAnywhereBetweenOthers() throws Exception {
    Path path =
        write(
            "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                + "\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
                + "\"f\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}",
            new byte[8]);
    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.names()).containsExactly("b", "e", "f");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {89, 123456, Long.MAX_VALUE})
  void refusesAHeaderLongerThanTheFile(long length) throws Exception {
    byte[] bytes = new byte[96];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
    Path path = Files.write(folder.resolve("model.safetensors"), bytes);
    assertThatThrownBy(() -> Safetensors.open(path))
        .hasMessage(
            "model.safetensors: header length %d (expected: at most 88, the rest of the file)",
            length);
  }

  @Test
  void readsTheHeaderLengthAsUnsigned() throws Exception {
    byte[] bytes = new byte[16];
    Arrays.fill(bytes, (byte) 0xff);
    Path path = Files.write(folder.resolve("model.safetensors"), bytes);
    assertThatThrownBy(() -> Safetensors.open(path))
        .hasMessageContaining("header length 18446744073709551615 (expected: at most 8, the rest");
  }

  @Test
  void refusesEveryTruncation() throws Exception {
    byte[] whole = Files.readAllBytes(Fixtures.path("tensors.safetensors"));
    for (int length = 0; length < whole.length; length++) {
      Path path = Files.write(folder.resolve("model.safetensors"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> Safetensors.open(path).close())
          .as("%d bytes", length)
          .isInstanceOf(TensorFileException.class)
          .hasMessageStartingWith("model.safetensors: ");
    }
  }

  @Test
  void noticesAFileThatShrinksAfterItWasOpened() throws Exception {
    Path path =
        write("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", new byte[8]);
    try (Safetensors file = Safetensors.open(path)) {
      byte[] whole = Files.readAllBytes(path);
      Files.write(path, Arrays.copyOf(whole, whole.length - 3));
      assertThatThrownBy(() -> file.floats("a"))
          .isInstanceOf(TensorFileException.class)
          .hasMessageContaining("it ends at byte");
    }
  }

  @Test
  void namesAFileThatIsNotThere() {
    assertThatThrownBy(() -> Safetensors.open(folder.resolve("gone.safetensors")))
        .isInstanceOf(TensorFileException.class)
        .hasMessageContaining("gone.safetensors: NoSuchFileException");
  }

  private Path write(String header, byte[] data) throws Exception {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(text.length).put(text).put(data);
    return Files.write(folder.resolve("model.safetensors"), bytes.array());
  }
}
