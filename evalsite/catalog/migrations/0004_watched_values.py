from django.db import migrations, models


def gather(apps, schema_editor):
    points = apps.get_model("catalog", "LossPoint").objects
    for point in points.iterator(chunk_size=2000):
        point.values = {"d_loss": point.d_loss, "g_loss": point.g_loss}
        point.save(update_fields=["values"])


def spread(apps, schema_editor):
    points = apps.get_model("catalog", "LossPoint").objects
    for point in points.iterator(chunk_size=2000):
        point.d_loss = point.values.get("d_loss", 0.0)
        point.g_loss = point.values.get("g_loss", 0.0)
        point.save(update_fields=["d_loss", "g_loss"])


class Migration(migrations.Migration):

    dependencies = [
        ("catalog", "0003_checkpoints_and_weights"),
    ]

    operations = [
        migrations.AddField(
            model_name="losspoint",
            name="values",
            field=models.JSONField(default=dict, help_text="by name: d_loss, g_loss, gradients, ..."),
            preserve_default=False,
        ),
        migrations.AlterField("losspoint", "d_loss", models.FloatField(default=0.0)),
        migrations.AlterField("losspoint", "g_loss", models.FloatField(default=0.0)),
        migrations.RunPython(gather, spread),
        migrations.RemoveField("losspoint", "d_loss"),
        migrations.RemoveField("losspoint", "g_loss"),
    ]
