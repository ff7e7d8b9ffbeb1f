//! Tests of budgets.

use super::*;

#[test]
fn sizes_read_as_they_are_written() {
    for text in ["1", "1000", "1K", "5G", "1536M", "3T", "7P"] {
        assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
    }
    for (text, bytes) in [("5GiB", 5 << 30), ("1.5g", 3 << 29), ("0.5K", 512), (" 2 M ", 2 << 20), ("12B", 12)] {
        assert_eq!(text.parse(), Ok(Amount(bytes)), "{text}");
    }
    for text in ["", "G", "5GB", "-5G", "0", "0G", "5X", "5Gi", "1e9", "5.G", ".5G", "99999999P", "5 G B"] {
        assert!(text.parse::<Amount>().is_err(), "{text}");
    }
    for text in ["5%", "0.5%", "10G"] {
        assert_eq!(text.parse::<Portion>().unwrap().to_string(), text);
    }
    for text in ["0%", "100%", "101%", "-1%", "%", "x%"] {
        assert!(text.parse::<Portion>().is_err(), "{text}");
    }
}
