// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.util.List;
import java.util.Set;

/** A tensor file that cannot be read: which file, what is wrong with it, what was expected. */
public final class TensorFileException extends Exception {
  private static final long serialVersionUID = 1L;
  private static final int SHOWN = 10;

  public TensorFileException(String message) {
    super(message);
  }

  public TensorFileException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Tensor {@code tensor} is not among {@code names}, of which the message shows a few. */
  static TensorFileException noTensor(String file, String tensor, Set<String> names) {
    List<String> shown = names.stream().limit(SHOWN).toList();
    return new TensorFileException(
        "%s: tensor '%s' (expected one of %s%s)"
            .formatted(
                file,
                tensor,
                String.join(", ", shown),
                names.size() > SHOWN ? ", ... %d in all".formatted(names.size()) : ""));
  }
}
