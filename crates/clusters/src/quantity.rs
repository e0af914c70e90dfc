//! Quantities as Kubernetes writes them: `500m`, `2`, `512Mi`, `1e3`.

/// The number of a quantity in its base unit, or `None` when it is none. Precise enough to compare and to refuse.
pub(crate) fn value(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 14] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|number| (number, *factor)))
        .unwrap_or((text, 1.0));
    let plain = !number.is_empty()
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    number
        .parse::<f64>()
        .ok()
        .filter(|number| plain && number.is_finite() && *number >= 0.0)
        .map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn quantities_are_read_as_kubernetes_does() {
        for (text, expected) in
            [("500m", 0.5), ("2", 2.0), ("0.5", 0.5), ("1Ki", 1024.0), ("1k", 1000.0), ("1e3", 1000.0)]
        {
            assert_eq!(value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "Mi", "-1", "1 Gi", "1GB", "inf", "NaN", "0x10", "one"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
