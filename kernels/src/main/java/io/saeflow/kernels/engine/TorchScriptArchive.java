// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes what {@code torch.jit.save} would write for a module without parameters: a zip of the
 * class's source text and of a pickle that says "one instance of it". libtorch compiles the text
 * when it loads the archive.
 */
final class TorchScriptArchive {
  private static final String CLASS_HEAD =
      """
      class Script(Module):
        __parameters__ = []
        __buffers__ = []
        training : bool
      """;

  /** Pickle protocol 2: {@code __torch__.Script.__new__()} with state {@code {training: False}}. */
  private static final byte[] INSTANCE =
      latin1("\u0080\u0002c__torch__\nScript\n)\u0081}(X\b\0\0\0training\u0089ub.");

  /** Pickle protocol 2: the empty tuple. */
  private static final byte[] NO_CONSTANTS = latin1("\u0080\u0002).");

  private TorchScriptArchive() {}

  /**
   * @param methods of a class {@code Script}, indented by two spaces
   */
  static byte[] of(String methods) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      store(zip, "data.pkl", INSTANCE);
      store(zip, "code/__torch__.py", (CLASS_HEAD + methods).getBytes(StandardCharsets.UTF_8));
      store(zip, "constants.pkl", NO_CONSTANTS);
      // Version 10 is the newest operator set of libtorch 2.x; older versions rewrite operators.
      store(zip, "version", latin1("10\n"));
      store(zip, "byteorder", latin1("little"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** libtorch maps entries in place, so they must not be compressed. */
  private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry("script/" + name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
