// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TorchCheckpointTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"state.pt", "state-protocol4.pt"})
  void readsWhatPythonWrote(String name) throws Exception {
    readsEveryEntry(Fixtures.path(name));
  }

  @Test
  void readsDeflatedEntries() throws Exception {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(Fixtures.path("state.pt").toFile())) {
      Enumeration<? extends ZipEntry> all = zip.entries();
      while (all.hasMoreElements()) {
        ZipEntry entry = all.nextElement();
        entries.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
      }
    }
    readsEveryEntry(zip(entries));
  }

  private static void readsEveryEntry(Path path) throws Exception {
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      assertThat(file.names())
          .containsExactly(
              "float32",
              "float64",
              "float16",
              "bfloat16",
              "int64",
              "transposed",
              "view",
              "column",
              "tied.a",
              "tied.b",
              "parameter",
              "scalar",
              "empty",
              "expanded");
      for (String name : List.of("float32", "float64", "float16", "bfloat16")) {
        assertThat(file.shape(name)).containsExactly(2L, 3L);
        assertThat(file.floats(name)).as(name).containsExactly(Fixtures.ramp(6));
      }
      assertThat(file.longs("int64")).containsExactly(1, -2, 1L << 40);
      float[] r = Fixtures.ramp(24);
      assertThat(file.shape("transposed")).containsExactly(2L, 3L);
      assertThat(file.floats("transposed")).containsExactly(r[0], r[2], r[4], r[1], r[3], r[5]);
      assertThat(file.shape("view")).containsExactly(2L, 3L);
      assertThat(file.floats("view")).containsExactly(r[7], r[9], r[11], r[13], r[15], r[17]);
      assertThat(file.floats("column")).containsExactly(r[5], r[11], r[17], r[23]);
      assertThat(file.floats("tied.a")).containsExactly(Fixtures.ramp(6));
      assertThat(file.floats("tied.b")).containsExactly(r[0], r[2], r[4], r[1], r[3], r[5]);
      assertThat(file.floats("parameter")).containsExactly(Fixtures.ramp(2));
      assertThat(file.shape("scalar")).isEmpty();
      assertThat(file.floats("scalar")).containsExactly(2.5f);
      assertThat(file.shape("empty")).containsExactly(0L, 3L);
      assertThat(file.floats("empty")).isEmpty();
      assertThatThrownBy(() -> file.floats("expanded"))
          .hasMessageContaining("tensor 'expanded': 4 values (expected: at most the 1 of storage");
      assertThatThrownBy(() -> file.floats("int64"))
          .hasMessageContaining("tensor 'int64': dtype I64 (expected: F32, F16, BF16 or F64)");
      assertThatThrownBy(() -> file.longs("float16"))
          .hasMessageContaining("tensor 'float16': dtype F16 (expected: an integer dtype)");
      assertThatThrownBy(() -> file.floats("activation"))
          .hasMessageContaining("tensor 'activation' (expected one of float32,");
      assertThat(file.value("activation")).contains("TopK");
      assertThat(file.value("activation_state_dict"))
          .contains(Map.of("k", 3, "postact_fn", "ReLU"));
      assertThat(file.value("list")).contains(Arrays.asList(1, 2.5, null, true));
      assertThat(file.value("dtype")).contains("torch.float32");
      assertThat(file.value("size")).contains(List.of(2L, 3L));
      assertThat(file.value("device")).contains("cpu");
      assertThat(file.value("big")).contains(1L << 40);
      assertThat(file.value("nope")).isEmpty();
    }
  }

  @Test
  void readsAModelsStateDict() throws Exception {
    try (TorchCheckpoint file = TorchCheckpoint.open(Fixtures.path("pytorch_model.bin"))) {
      assertThat(file.names()).containsExactly("0.weight", "0.bias", "1.weight", "1.bias");
      assertThat(file.shape("0.weight")).containsExactly(3L, 2L);
      assertThat(file.floats("0.weight")).containsExactly(Fixtures.ramp(6));
      assertThat(file.floats("1.bias")).containsExactly(Fixtures.ramp(2));
    }
  }

  @Test
  void refusesAWholeModule() throws Exception {
    assertThatThrownBy(() -> TorchCheckpoint.open(Fixtures.path("module.pt")))
        .isInstanceOf(TensorFileException.class)
        .hasMessage(
            "module.pt: pickle global 'torch.nn.modules.container.Sequential' (expected: only"
                + " tensors and plain data)");
  }

  @Test
  void refusesTheOlderFormat() throws Exception {
    assertThatThrownBy(() -> TorchCheckpoint.open(Fixtures.path("legacy.pt")))
        .isInstanceOf(TensorFileException.class)
        .hasMessage(
            "legacy.pt: not a zip archive (expected: torch.save's format since PyTorch 1.6; the"
                + " older one is not read)");
    Path empty = Files.write(folder.resolve("empty.pt"), new byte[0]);
    assertThatThrownBy(() -> TorchCheckpoint.open(empty))
        .hasMessageStartingWith("empty.pt: not a zip archive");
  }

  @Test
  void refusesEveryTruncation() throws Exception {
    byte[] whole = Files.readAllBytes(Fixtures.path("state.pt"));
    for (int length = 0; length < whole.length; length += 7) {
      Path path = Files.write(folder.resolve("a.pt"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> TorchCheckpoint.open(path).close())
          .as("%d bytes", length)
          .isInstanceOf(TensorFileException.class)
          .hasMessageStartingWith("a.pt: ");
    }
  }

  @Test
  void refusesAnArchiveWithoutOnePickle() throws Exception {
    Path none = zip(Map.of("a/version", new byte[] {'3'}));
    assertThatThrownBy(() -> TorchCheckpoint.open(none))
        .hasMessage("sae.pt: 0 entries */data.pkl (expected: 1, as torch.save writes)");
    Path two = zip(Map.of("a/data.pkl", new byte[] {'.'}, "b/data.pkl", new byte[] {'.'}));
    assertThatThrownBy(() -> TorchCheckpoint.open(two))
        .hasMessage("sae.pt: 2 entries */data.pkl (expected: 1, as torch.save writes)");
  }

  @Test
  void refusesWhatIsCompressed() throws Exception {
    byte[] bomb = new byte[1 << 20];
    Path pickle = zip(Map.of("a/data.pkl", bomb), ZipEntry.DEFLATED);
    assertThat(pickle).satisfies(path -> assertThat(Files.size(path)).isLessThan(2000));
    assertThatThrownBy(() -> TorchCheckpoint.open(pickle))
        .isInstanceOf(TensorFileException.class)
        .hasMessage(
            "sae.pt: entry a/data.pkl is compressed (expected: stored, as torch.save does)");
  }

  @Test
  void refusesBigEndianStorages() throws Exception {
    Path path = zip(Map.of("a/data.pkl", latin("}."), "a/byteorder", latin("big")));
    assertThatThrownBy(() -> TorchCheckpoint.open(path))
        .hasMessage("sae.pt: byteorder 'big' (expected: little)");
  }

  @Test
  void refusesWhatIsNoDict() throws Exception {
    assertThatThrownBy(() -> open("]."))
        .hasMessage("sae.pt: it holds a ArrayList (expected: a dict of tensors)");
    assertThatThrownBy(() -> open("N."))
        .hasMessage("sae.pt: it holds None (expected: a dict of tensors)");
  }

  /** Each names os.system, or another foreign global, in a different way. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          cos~system~(X\\4\\0\\0\\0truetR.;os.system
          cos~system~.;os.system
          }X\\1\\0\\0\\0acos~system~s.;os.system
          \\200\\4\\214\\2os\\214\\6system\\223.;os.system
          \\200\\4\\214\\2os\\214\\6system\\223\\214\\4true\\205R.;os.system
          (ios~system~.;os.system
          cbuiltins~eval~.;builtins.eval
          cbuiltins~RuntimeError~.;builtins.RuntimeError
          ccollections~OrderedDict.x~.;collections.OrderedDict.x
          ctorch~load~.;torch.load
          ctorch._utils~_rebuild_qtensor~.;torch._utils._rebuild_qtensor
          c_codecs~encode~.;_codecs.encode
          """)
  void refusesAForeignGlobalByName(String pickle, String global) {
    assertThatThrownBy(() -> open(unescape(pickle)))
        .isInstanceOf(TensorFileException.class)
        .hasMessage("sae.pt: pickle global '%s' (expected: only tensors and plain data)", global);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          S'a'~.;pickle opcode 0x53 (expected: only tensors and plain data)
          \\202\\1.;pickle opcode 0x82
          \\217.;pickle opcode 0x8f
          \\216\\377\\377\\377\\377\\377\\377\\377\\177.;pickle opcode 0x8e
          X\\377\\377\\377\\177;pickle: a string of 2147483647 bytes (expected: at most 0, the rest of it)
          X\\377\\377\\377\\377;pickle: a string of -1 bytes
          .;pickle: malformed
          };pickle: malformed
          R.;pickle: malformed
          N)R.;pickle: malformed
          a.;pickle: malformed
          (X\\1\\0\\0\\0at.u.;it holds a Object[]
          }(X\\1\\0\\0\\0au.;pickle: malformed
          h\\5.;invalid memo key
          ]}b.;pickle: attributes (expected: only tensors and plain data)
          }]Ns.;pickle: a dict's key (expected: a string or a number)
          }q\\0h\\0Ns.;pickle: a dict's key (expected: a string or a number)
          ccollections~OrderedDict~]\\205R.;pickle: OrderedDict's arguments (expected: none)
          \\200\\377.;unsupported pickle protocol: 255
          X\\7\\0\\0\\0storageQ.;pickle: malformed
          ctorch~FloatStorage~)R.;pickle: malformed
          """)
  void refusesAnythingElse(String pickle, String message) {
    assertThatThrownBy(() -> open(unescape(pickle)))
        .isInstanceOf(TensorFileException.class)
        .hasMessageStartingWith("sae.pt: ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          4;0;4;1;float
          4;1;4;1;values 1 to 4 (expected: inside the 4 of storage '0')
          4;4;1;1;values 4 to 4 (expected: inside the 4 of storage '0')
          4;255;1;1;values 255 to 255 (expected: inside the 4 of storage '0')
          4;0;2;4;values 0 to 4 (expected: inside the 4 of storage '0')
          4;0;5;0;5 values (expected: at most the 4 of storage '0')
          5;0;4;1;entry a/data/0 holds 16 bytes (expected: 5 values of F32)
          """)
  void checksTheLayoutAgainstTheStorage(
      int storage, int offset, int shape, int stride, String message) throws Exception {
    Path path =
        zip(Map.of("a/data.pkl", tensor(storage, offset, shape, stride), "a/data/0", new byte[16]));
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      if (message.equals("float")) {
        assertThat(file.floats("w")).containsExactly(0, 0, 0, 0);
      } else {
        assertThatThrownBy(() -> file.floats("w"))
            .isInstanceOf(TensorFileException.class)
            .hasMessage("sae.pt: tensor 'w': " + message);
      }
    }
  }

  @Test
  void refusesALayoutThatOverflows() throws Exception {
    // a 64-bit long: LONG1 of eight bytes
    String huge = "\\212\\10\\377\\377\\377\\377\\377\\377\\377\\177";
    String minus = "J\\377\\377\\377\\377";
    for (String[] layout :
        new String[][] {
          {"K\\0", "K\\2", huge},
          {"K\\0", huge, huge},
          {huge, "K\\2", "K\\1"},
          {"K\\0", minus, "K\\1"},
          {"K\\0", "K\\2", minus},
          {minus, "K\\2", "K\\1"}
        }) {
      byte[] pickle = tensor("K\\4", layout[0], layout[1], layout[2]);
      Path path = zip(Map.of("a/data.pkl", pickle, "a/data/0", new byte[16]));
      try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
        assertThatThrownBy(() -> file.floats("w"))
            .as(String.join(" ", layout))
            .isInstanceOf(TensorFileException.class)
            .hasMessageStartingWith("sae.pt: tensor 'w': ");
      }
    }
  }

  @Test
  void refusesAStorageThatIsNotThere() throws Exception {
    Path path = zip(Map.of("a/data.pkl", tensor(4, 0, 4, 1)));
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      assertThatThrownBy(() -> file.floats("w"))
          .hasMessage("sae.pt: tensor 'w': no entry a/data/0");
    }
  }

  /** {@code {'w': tensor}} of one dimension, over the float32 storage '0'. */
  private static byte[] tensor(int storage, int offset, int shape, int stride) {
    return tensor(byteInt(storage), byteInt(offset), byteInt(shape), byteInt(stride));
  }

  private static byte[] tensor(String storage, String offset, String shape, String stride) {
    return latin(
        unescape(
            "}X\\1\\0\\0\\0wctorch._utils~_rebuild_tensor_v2~"
                + "((X\\7\\0\\0\\0storagectorch~FloatStorage~X\\1\\0\\0\\0\\60X\\3\\0\\0\\0cpu"
                + storage
                + "tQ"
                + offset
                + shape
                + "\\205"
                + stride
                + "\\205\\211}tRs."));
  }

  private static String byteInt(int value) {
    return "K\\" + Integer.toOctalString(value);
  }

  private void open(String pickle) throws Exception {
    TorchCheckpoint.open(zip(Map.of("a/data.pkl", latin(pickle)))).close();
  }

  /** Octal escapes, and {@code ~} for a line's end. */
  private static String unescape(String text) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      char c = text.charAt(i++);
      if (c == '\\') {
        int value = 0;
        int start = i;
        while (i < text.length()
            && i < start + 3
            && text.charAt(i) >= '0'
            && text.charAt(i) <= '7') {
          value = value * 8 + text.charAt(i++) - '0';
        }
        out.append((char) value);
      } else {
        out.append(c == '~' ? '\n' : c);
      }
    }
    return out.toString();
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private Path zip(Map<String, byte[]> entries) throws IOException {
    return zip(entries, ZipEntry.STORED);
  }

  private Path zip(Map<String, byte[]> entries, int method) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        ZipEntry header = new ZipEntry(entry.getKey());
        CRC32 crc = new CRC32();
        crc.update(entry.getValue());
        header.setMethod(method);
        header.setSize(entry.getValue().length);
        header.setCrc(crc.getValue());
        zip.putNextEntry(header);
        zip.write(entry.getValue());
      }
    }
    return Files.write(folder.resolve("sae.pt"), bytes.toByteArray());
  }
}
