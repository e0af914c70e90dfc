//! Facts about looking up one prediction: its answer is the one that SQL gives, wherever the row is.

use archive::{Archive, Cell, Prediction};
use proptest::prelude::*;
use tables::{Column, ColumnType};
use uuid::Uuid;

use crate::{HOUR, label, number, options, prediction, sql, traffic};

/// Ids that are ordered by time, and any others.
fn id(number: u128, ordered: bool) -> Uuid {
    if ordered {
        Uuid::from_u128((0x0199 << 112) | (7 << 76) | (2 << 62) | number)
    } else {
        Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) | 1)
    }
}

fn row(number: u128, ordered: bool, model: &str) -> Prediction {
    Prediction { id: id(number, ordered), model: model.to_owned(), ..prediction(number as i64) }
}

async fn check(archive: &Archive, id: Uuid) {
    let question = format!(
        "select model, event_time, version, prediction, entity, label, label_time from scored where prediction_id = '{id}'"
    );
    let asked = sql(archive, &question).await;
    let found = archive.prediction(id).await.unwrap();
    let Some(found) = found else {
        assert_eq!(asked.row_count(), 0, "{id} was not found");
        return;
    };
    assert_eq!(asked.row_count(), 1, "{id} was found");
    let one = &found.prediction;
    assert_eq!(one.id, id);
    assert_eq!(asked.texts("model").unwrap(), [Some(one.model.clone())]);
    assert_eq!(asked.times("event_time").unwrap(), [Some(one.event_time.as_micros())]);
    assert_eq!(asked.numbers("version").unwrap(), [Some(one.version as f64)]);
    assert_eq!(asked.texts("entity").unwrap(), std::slice::from_ref(&one.entity));
    let real = |cell: &Cell| match cell {
        Cell::Real(value) => Some(*value),
        _ => None,
    };
    assert_eq!(asked.numbers("prediction").unwrap(), [real(&one.prediction)]);
    assert_eq!(asked.numbers("label").unwrap(), [found.label.as_ref().and_then(|label| real(&label.value))]);
    let known = found.label.as_ref().map(|label| label.label_time.as_micros());
    assert_eq!(asked.times("label_time").unwrap(), [known]);
    let question = format!("select * from \"{}\".predictions where prediction_id = '{id}'", one.model);
    let asked = sql(archive, &question).await;
    for (name, cell) in &one.features {
        let words = asked.texts(&archive::feature_column(name)).unwrap();
        let own = match cell {
            Cell::Null => None,
            Cell::Int(value) => Some(value.to_string()),
            Cell::Real(value) => Some(format!("{value:?}")),
            Cell::Text(word) => Some(word.clone()),
            Cell::Bool(value) => Some(value.to_string()),
            Cell::Time(_) => words[0].clone(),
        };
        assert_eq!(words, [own], "{name}");
    }
}

/// What happens to an archive.
#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Label(u8, bool),
    Commit,
    Reopen,
    Widen,
    Erase(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u8..60).prop_map(Step::Append),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(which, by_id)| Step::Label(which, by_id)),
        3 => Just(Step::Commit),
        1 => Just(Step::Reopen),
        1 => Just(Step::Widen),
        1 => any::<u8>().prop_map(Step::Erase),
    ];
    proptest::collection::vec(step, 4..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5))]

    #[test]
    fn a_look_up_answers_as_sql_does(steps in steps(), ordered in any::<bool>(), asked in any::<[u8; 3]>()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(story(steps, ordered, asked));
    }
}

async fn story(steps: Vec<Step>, ordered: bool, asked: [u8; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = traffic(options(folder.path())).await;
    archive.declare("another", &crate::features(), ColumnType::Real).await.unwrap();
    let mut rows: Vec<Prediction> = Vec::new();
    for (place, step) in steps.into_iter().enumerate() {
        match step {
            Step::Append(count) => {
                let from = rows.len() as u128;
                let model = |n: u128| if n.is_multiple_of(3) { "another" } else { "traffic" };
                let more: Vec<Prediction> = (from..from + u128::from(count))
                    .map(|n| Prediction {
                        entity: Some(format!("e-{}", n % 40)),
                        ..row(n, ordered, model(n))
                    })
                    .collect();
                archive.append(more.clone()).await.unwrap();
                rows.extend(more);
            }
            Step::Label(which, by_id) => {
                let Some(of) = rows.get(which as usize % rows.len().max(1)) else { continue };
                let mut one = label(of, f64::from(which) / 2.0, place as i64 * HOUR + 1);
                one.model.clone_from(&of.model);
                if !by_id {
                    one.prediction_id = None;
                    one.entity.clone_from(&of.entity);
                    one.event_time = Some(of.event_time);
                }
                archive.append_labels(vec![one]).await.unwrap();
            }
            Step::Commit => archive.flush().await.unwrap(),
            Step::Reopen => {
                drop(archive);
                archive = Archive::open(options(folder.path())).await.unwrap();
            }
            Step::Widen => {
                let wind = Column::new(format!("wind{place}"), ColumnType::Real);
                archive.declare("traffic", &[wind], ColumnType::Real).await.unwrap();
            }
            Step::Erase(which) => {
                let both = ["traffic".to_owned(), "another".to_owned()];
                archive.erase(&format!("e-{}", which % 40), &both).await.unwrap();
            }
        }
        let one = rows.get((asked[0] as usize + place * 7) % rows.len().max(1));
        check(&archive, one.map_or(Uuid::nil(), |row| row.id)).await;
    }
    for which in asked {
        let one = rows.get(which as usize % rows.len().max(1));
        check(&archive, one.map_or(Uuid::nil(), |row| row.id)).await;
    }
    check(&archive, Uuid::max()).await;
}

#[tokio::test]
async fn a_prediction_is_found_while_it_is_committed_and_joined() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let rows: Vec<Prediction> = (0..80).map(|n| row(n, n % 2 == 0, "traffic")).collect();
    for (n, one) in rows.iter().enumerate() {
        let looking = archive.clone();
        let asked: Vec<Uuid> = rows[..n].iter().map(|row| row.id).collect();
        let looked = tokio::spawn(async move {
            for id in asked {
                assert!(looking.prediction(id).await.unwrap().is_some(), "{id} is not there for a moment");
            }
        });
        archive.append(vec![one.clone()]).await.unwrap();
        // More commits than files may be: they are joined on the way.
        archive.flush().await.unwrap();
        looked.await.unwrap();
    }
    assert_eq!(number(&archive, "select count(*) from traffic.predictions").await, 80.0);
}
