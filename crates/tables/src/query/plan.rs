//! From SQL and the tables it mentions to a plan.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableProvider};
use datafusion::common::{Column, Result as Planned, ScalarValue, TableReference, plan_datafusion_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
    lit,
};
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::{ParserOptions, SqlToRel};

use super::{Source, failure, guard};
use crate::{DeltaTable, Error, Result, Table};

/// Plans `statement` over the sources that it mentions, straight or through views.
pub(super) async fn plan(
    state: &Arc<SessionState>,
    sources: &[(String, Source)],
    statement: Statement,
) -> Result<LogicalPlan> {
    let mut views: HashMap<&str, Statement> = HashMap::new();
    let mut wanted: BTreeSet<String> = mentioned(state, &statement)?;
    for (name, source) in sources.iter().rev() {
        if let (Source::View(sql), true) = (source, wanted.contains(name)) {
            let view = guard::read_view(sql)?;
            wanted.extend(mentioned(state, &view)?);
            views.insert(name, view);
        }
    }
    let mut catalog = Catalog {
        state,
        tables: HashMap::new(),
        names: sources.iter().map(|(name, _)| name.clone()).collect(),
        missing: Mutex::new(None),
    };
    for (name, source) in sources.iter().filter(|(name, _)| wanted.contains(name)) {
        let provider: Arc<dyn TableProvider> = match source {
            Source::Rows(rows) => memory(std::slice::from_ref(rows))?,
            Source::Parquet(file) => super::file::parquet(state, file).await?,
            Source::Delta { table, version, more } if more.iter().all(|rows| rows.row_count() == 0) => {
                delta(state, table, *version).await?
            }
            Source::Delta { table, version, more } => {
                both(delta(state, table, *version).await?, memory(more)?).map_err(failure::words)?
            }
            Source::View(_) => match views.remove(name.as_str()) {
                Some(view) => Arc::new(ViewTable::new(catalog.plan(view)?, None)),
                None => continue,
            },
        };
        catalog.tables.insert(name.clone(), provider_as_source(provider));
    }
    catalog.plan(statement)
}

/// The plan, cut one row after the limit, so that a longer answer shows.
pub(super) fn limited(plan: LogicalPlan, max_rows: usize) -> Result<LogicalPlan> {
    if matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
        return Ok(plan);
    }
    LogicalPlanBuilder::from(plan)
        .limit(0, Some(max_rows.saturating_add(1)))
        .and_then(LogicalPlanBuilder::build)
        .map_err(failure::words)
}

/// The same columns; the second of two with one name gets a number.
pub(super) fn distinct_names(schema: &ArrowSchema) -> ArrowSchema {
    let mut seen = BTreeSet::new();
    let fields = schema.fields().iter().map(|field| {
        let mut name = field.name().clone();
        let mut number = 2;
        while !seen.insert(name.clone()) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        Field::new(name, field.data_type().clone(), field.is_nullable())
    });
    ArrowSchema::new(fields.collect::<Vec<_>>())
}

fn mentioned(state: &SessionState, statement: &Statement) -> Result<BTreeSet<String>> {
    let references = state.resolve_table_references(statement).map_err(failure::words)?;
    Ok(references.iter().map(name_of).collect())
}

fn name_of(reference: &TableReference) -> String {
    match (reference.catalog(), reference.schema()) {
        (Some(catalog), Some(schema)) => format!("{catalog}.{schema}.{}", reference.table()),
        (None, Some(schema)) => format!("{schema}.{}", reference.table()),
        _ => reference.table().to_owned(),
    }
}

fn memory(rows: &[Table]) -> Result<Arc<dyn TableProvider>> {
    let schema = rows.first().map_or_else(|| Arc::new(ArrowSchema::empty()), |first| first.batch().schema());
    let batches = rows.iter().map(|part| part.batch().clone()).collect();
    let table = MemTable::try_new(schema, vec![batches]).map_err(failure::words)?;
    Ok(Arc::new(table))
}

async fn delta(
    state: &Arc<SessionState>,
    table: &DeltaTable,
    version: Option<i64>,
) -> Result<Arc<dyn TableProvider>> {
    let lake = table.at(version).await?;
    lake.table_provider().with_session(Arc::clone(state)).await.map_err(failure::words)
}

/// The rows of both, columns matched by name.
fn both(
    committed: Arc<dyn TableProvider>,
    pending: Arc<dyn TableProvider>,
) -> Planned<Arc<dyn TableProvider>> {
    let (first, second) = (committed.schema(), pending.schema());
    let added = second.fields().iter().filter(|field| first.field_with_name(field.name()).is_err());
    let columns: Vec<Field> =
        first.fields().iter().chain(added).map(|field| field.as_ref().clone()).collect();
    let side = |provider: Arc<dyn TableProvider>| {
        let schema = provider.schema();
        let expressions = columns.iter().map(|column| match schema.field_with_name(column.name()) {
            Ok(_) => Ok(Expr::Column(Column::new_unqualified(column.name()))),
            Err(_) => Ok(lit(ScalarValue::try_from(column.data_type())?).alias(column.name())),
        });
        LogicalPlanBuilder::scan("part", provider_as_source(provider), None)?
            .project(expressions.collect::<Planned<Vec<_>>>()?)?
            .build()
    };
    let plan = LogicalPlanBuilder::from(side(committed)?).union(side(pending)?)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// What the planner may see: the tables of this query and the built-in functions.
struct Catalog<'a> {
    state: &'a SessionState,
    tables: HashMap<String, Arc<dyn TableSource>>,
    names: Vec<String>,
    missing: Mutex<Option<String>>,
}

impl Catalog<'_> {
    fn plan(&self, statement: Statement) -> Result<LogicalPlan> {
        let options = &self.state.config_options().sql_parser;
        let options = ParserOptions {
            enable_ident_normalization: options.enable_ident_normalization,
            map_string_types_to_utf8view: options.map_string_types_to_utf8view,
            ..ParserOptions::default()
        };
        let plan = SqlToRel::new_with_options(self, options).statement_to_plan(statement);
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (plan, missing) {
            (Err(_), Some(table)) => Err(Error::UnknownTable { table, tables: self.names.clone() }),
            (Err(error), None) => Err(self.name_function(failure::words(error))),
            (Ok(plan), _) => {
                // The guard has seen the statement; this sees what the planner made of it.
                let read_only = SQLOptions::new()
                    .with_allow_ddl(false)
                    .with_allow_dml(false)
                    .with_allow_statements(false);
                match read_only.verify_plan(&plan) {
                    Ok(()) => Ok(plan),
                    Err(_) => Err(Error::NotReadOnly { statement: plan.display().to_string() }),
                }
            }
        }
    }

    /// Says of an unknown function which known one is nearest.
    fn name_function(&self, error: Error) -> Error {
        let Error::Sql { problem, hint } = error else { return error };
        let Some(word) = problem.strip_prefix("invalid function '").and_then(|rest| rest.split('\'').next())
        else {
            return Error::Sql { problem, hint };
        };
        let functions = [self.udf_names(), self.udaf_names(), self.udwf_names()].concat();
        let near = base::names::nearest(word, functions.iter().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        Error::Sql { problem: format!("there is no function `{word}`"), hint }
    }
}

impl ContextProvider for Catalog<'_> {
    fn get_table_source(&self, reference: TableReference) -> Planned<Arc<dyn TableSource>> {
        let name = name_of(&reference);
        self.tables.get(&name).cloned().ok_or_else(|| {
            let error = plan_datafusion_err!("there is no table `{name}`");
            *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
            error
        })
    }

    fn get_table_function_source(&self, name: &str, arguments: Vec<Expr>) -> Planned<Arc<dyn TableSource>> {
        let function = self.state.table_functions().get(name);
        let function = function.ok_or_else(|| plan_datafusion_err!("there is no table function `{name}`"))?;
        let arguments = TableFunctionArgs::new(&arguments, self.state);
        Ok(provider_as_source(function.create_table_provider_with_args(arguments)?))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Planned<Arc<dyn TableSource>> {
        let table = datafusion::datasource::cte_worktable::CteWorkTable::new(name, schema);
        Ok(provider_as_source(Arc::new(table)))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        None
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
