// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.TokenCount;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads {@code 200k} and the like. */
final class TokenCountConverter implements ITypeConverter<Long> {
  @Override
  public Long convert(String value) {
    try {
      return TokenCount.parse(value);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
