//! From a table of settings to types: what each area's file is written in.
//!
//! Owns the macro, and the row that `playhouse config` prints. Used by the areas alone. Never reads a value: that is `load`'s.

/// One row of `playhouse config`.
pub struct Setting {
    /// `section.field`.
    pub name: String,
    /// Unit, or the kind of value.
    pub unit: &'static str,
    /// What it means and why it has its default.
    pub meaning: &'static str,
}

/// A type for each section, `Type { field: type = default, "unit", "meaning"; }`, and its rows.
macro_rules! sections {
    ($($(#[$doc:meta])* $Type:ident { $($field:ident: $ty:ty = $default:expr, $unit:literal, $meaning:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $Type { $(#[doc = $meaning] #[doc = concat!("(", $unit, ")")] pub $field: $ty,)* }

        impl Default for $Type {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $Type {
            pub(super) fn settings(section: &str) -> impl Iterator<Item = super::Setting> {
                let rows = [$((stringify!($field), $unit, $meaning)),*];
                rows.into_iter().map(move |(field, unit, meaning)| {
                    super::Setting { name: format!("{section}.{field}"), unit, meaning }
                })
            }
        }
    )*};
}
pub(super) use sections;
