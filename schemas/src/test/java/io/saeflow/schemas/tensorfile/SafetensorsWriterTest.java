// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.tensorfile.SafetensorsWriter.Declaration;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  @Test
  void writesTheFormatByteForByte() throws Exception {
    Path path = folder.resolve("a.safetensors");
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            path,
            List.of(
                new Declaration("b", Dtype.U16, List.of(2L)),
                new Declaration("a", Dtype.F32, List.of(1L, 1L))))) {
      writer.write(ByteBuffer.wrap(new byte[] {1, 0, 2}));
      writer.write(ByteBuffer.wrap(new byte[] {0, 0, 0, (byte) 0x80, 0x3f}));
    }
    String header =
        "{\"b\":{\"dtype\":\"U16\",\"shape\":[2],\"data_offsets\":[0,4]},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]}}";
    String padded = header + " ".repeat(8 - header.length() % 8);
    byte[] expected =
        ByteBuffer.allocate(8 + padded.length() + 8)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(padded.length())
            .put(padded.getBytes(StandardCharsets.UTF_8))
            .putShort((short) 1)
            .putShort((short) 2)
            .putFloat(1)
            .array();
    assertThat(padded.length() % 8).isZero();
    assertThat(Files.readAllBytes(path)).isEqualTo(expected);
  }

  @Test
  void whatItWritesIsRead() throws Exception {
    Path path = folder.resolve("a.safetensors");
    List<Declaration> declarations =
        List.of(
            new Declaration("u16 \"ü\"", Dtype.U16, List.of(2L)),
            new Declaration("u32", Dtype.U32, List.of(1L)),
            new Declaration("none", Dtype.I64, List.of(0L, 7L)),
            new Declaration("f16", Dtype.F16, List.of(2L)),
            new Declaration("i32", Dtype.I32, List.of()),
            new Declaration("i64", Dtype.I64, List.of(1L)));
    ByteBuffer data = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    data.putShort((short) 65535).putShort((short) 1).putInt(-1);
    data.putShort((short) 0x3c00).putShort((short) 0xc000).putInt(-7).putLong(-8);
    try (SafetensorsWriter writer = SafetensorsWriter.create(path, declarations)) {
      writer.write(data.flip());
    }
    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.names()).containsExactly("u16 \"ü\"", "u32", "none", "f16", "i32", "i64");
      assertThat(file.longs("u16 \"ü\"")).containsExactly(65535, 1);
      assertThat(file.longs("u32")).containsExactly(4294967295L);
      assertThat(file.longs("none")).isEmpty();
      assertThat(file.floats("f16")).containsExactly(1, -2);
      assertThat(file.longs("i32")).containsExactly(-7);
      assertThat(file.longs("i64")).containsExactly(-8);
    }
  }

  @Test
  void demandsExactlyTheDeclaredBytes() throws Exception {
    Path path = folder.resolve("a.safetensors");
    SafetensorsWriter writer =
        SafetensorsWriter.create(path, List.of(new Declaration("a", Dtype.U16, List.of(2L))));
    writer.write(ByteBuffer.allocate(2));
    assertThatThrownBy(() -> writer.write(ByteBuffer.allocate(3)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("5 bytes of tensors (expected: 4, as declared)");
    assertThatThrownBy(writer::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("2 bytes of tensors (expected: 4, as declared)");
    writer.close();
    assertThatThrownBy(() -> Safetensors.open(path)).isInstanceOf(TensorFileException.class);
  }

  @Test
  void refusesDeclarationsThatCannotBe() {
    Path path = folder.resolve("a.safetensors");
    Declaration declaration = new Declaration("a", Dtype.U16, List.of(2L));
    assertThatThrownBy(() -> SafetensorsWriter.create(path, List.of(declaration, declaration)))
        .hasMessage("tensor 'a' (expected: distinct names other than __metadata__)");
    assertThatThrownBy(() -> new Declaration("a", Dtype.U16, List.of(-1L)))
        .hasMessage("shape: [-1] (expected: none < 0)");
    assertThat(path).doesNotExist();
  }
}
