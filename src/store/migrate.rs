//! Migrations, compiled in. `sqlx::migrate!` would need sqlx's macros, which nothing else does.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Number, description and text of a migration.
pub type Source = (i64, &'static str, &'static str);

/// Returns the migrator of these files. sqlx takes a lock and records what was run.
pub fn migrator(sources: &[Source]) -> Migrator {
    let migrations = sources.iter().map(|(version, description, sql)| {
        Migration::new(
            *version,
            Cow::Borrowed(*description),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
